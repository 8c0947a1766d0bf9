/** Starts orgs for a test file and closes them after each test. */
import { afterEach } from 'vitest'
import { createLocalOrg, type LocalOrg, type LocalOrgOptions } from '../../src/local-org/index.js'

/** A whole second, so that dates can be compared as text. */
export const NOW = Date.UTC(2030, 0, 15, 12, 0, 0)

/** A clock that only moves when it is advanced. */
export const stillClock = { now: () => NOW }

export function orgs(): (options?: LocalOrgOptions) => Promise<LocalOrg> {
  const started: LocalOrg[] = []
  afterEach(async () => {
    await Promise.all(started.splice(0).map((org) => org.close()))
  })
  return async (options) => {
    const org = await createLocalOrg(options)
    started.push(org)
    return org
  }
}

/** The Cookie header a browser would send after an answer. */
export function cookiesOf(response: Response): string {
  return response.headers
    .getSetCookie()
    .map((line) => line.split(';')[0])
    .join('; ')
}

/** A JSON object, for tests to look into. */
export async function bodyOf(response: Response): Promise<Readonly<Record<string, unknown>>> {
  const body: unknown = await response.json()
  if (typeof body !== 'object' || body === null) throw new Error('The body is no object')
  return { ...body }
}

export function me(org: LocalOrg, cookie: string): Promise<Response> {
  return fetch(`${org.url}/api/v1/sessions/me`, { headers: { cookie } })
}

export function postForm(
  url: string,
  fields: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    redirect: 'manual',
    headers,
    body: new URLSearchParams(fields),
  })
}

export function postJson(
  url: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
}
