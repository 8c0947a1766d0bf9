/** Both sides against what is known of Okta: each sample served to SessionApi, and its question put to the local org. */
import { generateKeyPairSync } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { LocalOrg } from '../../src/local-org/index.js'
import { SessionApi } from '../../src/okta/session-api.js'
import type { Credentials } from '../../src/options/options.js'
import { httpServer } from '../okta/raw-server.js'
import {
  ACCESS_TOKEN,
  AT,
  ERROR_ID,
  EXTERNAL,
  IDP,
  INTERNAL,
  NONCE,
  ORG,
  REQUEST_ID,
  type Sample,
  SERVLET,
  samples,
  USER,
} from './okta-samples.js'
import { recordedOrg, type SentResponse } from './recorded-org.js'
import { worldOf } from './ways.js'

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const jwk = { ...privateKey.export({ format: 'jwk' }) }
const serviceApp: Credentials = { clientId: '0oa1', privateKey: jwk, dpop: true }

describe.each(samples.map((sample) => [sample.what, sample] as const))('%s', (_what, sample) => {
  it('a sample of Okta’s is what SessionApi takes it for', async () => {
    const server = await httpServer((_req, res) => {
      const { status, headers, body } = sample.answer
      res.sendDate = false
      res.writeHead(status, headers.flat()).end(body)
    })
    const credentials = sample.credentials === undefined ? { apiToken: 'token' } : serviceApp
    const api = new SessionApi({ orgUrl: server.url, credentials })
    try {
      const came = await sample.call(api).catch((error: unknown) => ({ error }))
      if (sample.error !== undefined) expect(came).toMatchObject({ error: sample.error })
      else expect(came).toEqual(sample.value === 'nothing' ? undefined : sample.value)
      // A cookie Okta sets is for browsers: it is nowhere in what comes of the call.
      expect(inspect(came, { depth: Infinity, showHidden: true })).not.toContain('Version=1')
      if (sample.what === 'an access token for an hour')
        expect(server.seen[1]?.headers.authorization).toBe(`Bearer ${ACCESS_TOKEN}`)
    } finally {
      await api.close()
      await server.close()
    }
  })

  it('a sample of Okta’s is what the local org answers', async () => {
    expect(comparable(await answerOfTheOrg(sample))).toEqual(comparable(sample.answer))
  })
})

/** The org's answer with its own names for things in place of the sample's. Its clock stands at the sample's time. */
async function answerOfTheOrg(sample: Sample): Promise<SentResponse> {
  const recorded = await recordedOrg({
    engine: sample.engine,
    users: [USER],
    rateLimitPerMinute: 600,
    serviceApp: { privateKey: jwk },
    clock: { now: () => Date.parse(AT) },
    ...sample.org,
  })
  try {
    const { org } = recorded
    const world = worldOf(org, sample.engine === 'classic' ? 'sid' : 'idx')
    const request = await sample.question(world)
    if (sample.fault !== undefined) org.failNext(sample.fault)
    const { response } = await recorded.send(request)
    const named = (text: string) => inTheSamplesNames(text, org, world.external)
    return {
      ...response,
      headers: response.headers.map(([name, value]) => [name, named(value)] as const),
      body: named(response.body),
    }
  } finally {
    await recorded.close()
  }
}

/** Ids and secrets of one org in place of those of another. */
function inTheSamplesNames(text: string, org: LocalOrg, external: string): string {
  const externals = [external, ...org.sessions.map(({ id }) => id)]
  return externals
    .reduce((named, id) => named.replaceAll(id, EXTERNAL), text)
    .replaceAll(/102[\w-]{22}(?![\w-])/g, (id) => (id === EXTERNAL ? id : INTERNAL))
    .replaceAll(org.url, ORG)
    .replaceAll(/oae[\w-]{22}/g, ERROR_ID)
    .replaceAll(/00o\w{17}/g, IDP)
    .replaceAll(/JSESSIONID=[0-9A-F]+/g, SERVLET.slice(0, SERVLET.indexOf(';')))
    .replaceAll(/(?<="access_token":")[^"]+/g, ACCESS_TOKEN)
}

/** What HTTP brings along, and what is not known of Okta. */
const NOT_COMPARED = ['content-length', 'connection', 'keep-alive', 'cache-control']

function comparable({ status, headers, body }: SentResponse) {
  const lines = headers
    .filter(([name]) => !NOT_COMPARED.includes(name))
    .map(([name, value]) => `${name}: ${comparableValue(name, value)}`)
  return { status, headers: lines.sort(), body: body === '' ? undefined : JSON.parse(body) }
}

function comparableValue(name: string, value: string): string {
  switch (name) {
    case 'x-okta-request-id':
      return value.replace(/^\w{32}$/, REQUEST_ID)
    case 'dpop-nonce':
      return NONCE
    // Over http not every browser would keep a Secure cookie, so the local org leaves it out.
    case 'set-cookie':
      return value.replace(';Secure', '')
    // Only the reason is known.
    case 'www-authenticate':
      return value.replace(/^(\w+) .*?(error="\w+").*$/, '$1 $2')
    default:
      return value
  }
}
