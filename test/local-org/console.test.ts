import { request } from 'node:http'
import { describe, expect, it } from 'vitest'
import type { LocalOrg } from '../../src/local-org/index.js'
import { bodyOf, me, orgs, postForm, postJson } from './orgs.js'

const start = orgs()

interface Form {
  readonly action: string
  readonly label: string
  readonly fields: Readonly<Record<string, string>>
}

/** The forms of a page with their hidden fields and their button’s name. */
function formsIn(markup: string): readonly Form[] {
  return [...markup.matchAll(/<form method="post" action="([^"]+)"[^>]*>([\s\S]*?)<\/form>/g)].map(
    ([, action = '', inside = '']) => ({
      action,
      label: /<button type="submit"(?: aria-label="([^"]*)")?/.exec(inside)?.[1] ?? '',
      fields: Object.fromEntries(
        [...inside.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)">/g)].map(
          ([, name = '', value = '']) => [name, value],
        ),
      ),
    }),
  )
}

async function press(org: LocalOrg, label: RegExp, more: Readonly<Record<string, string>> = {}) {
  const markup = await (await fetch(`${org.url}/console`)).text()
  const form = formsIn(markup).find((candidate) => label.test(candidate.label))
  if (form === undefined) throw new Error(`No button ${label}`)
  return postForm(org.url + form.action, { ...form.fields, ...more }, { origin: org.url })
}

/** fetch() would not send a Host of ours. */
function send(
  org: LocalOrg,
  path: string,
  method: 'GET' | 'POST',
  headers: Readonly<Record<string, string>>,
): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request(org.url + path, { method, headers, agent: false }, (answer) => {
      answer.resume()
      resolve(answer.statusCode)
    })
    sent.on('error', reject)
    sent.end(method === 'POST' ? 'session=x' : undefined)
  })
}

describe('the console page', () => {
  it('the console shows users, live sessions, the last calls and how many came a second', async () => {
    const org = await start()
    const cookie = org.signIn('alice@example.com')
    await me(org, cookie)
    await me(org, '')
    org.fail({ kind: 'hang' }, { operation: 'keys' })
    const page = await fetch(`${org.url}/console`)
    const markup = await page.text()
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(markup).toContain('carol@example.com')
    expect(markup).toContain(org.sessions[0]?.id)
    expect(markup).toMatch(/<td[^>]*>getCurrentSession<\/td><td[^>]*>404<\/td>/)
    expect(markup).toMatch(/aria-label="Calls a second over the last 60 seconds: 2 in all/)
    expect(markup.match(/<rect class="bar"/g)?.length).toBeGreaterThan(0)
    expect(markup).toContain('for keys, until stopped')
    expect(markup).not.toContain('http-equiv')
    expect(await (await fetch(`${org.url}/console?live`)).text()).toContain('http-equiv="refresh"')
  })

  it('the console shows no cookie, token or internal id', async () => {
    const org = await start()
    const idx = org.signIn('alice@example.com').slice('idx='.length)
    const sid = org.signIn('alice@example.com', { cookie: 'sid' }).slice('sid='.length)
    await fetch(`${org.url}/api/v1/sessions/${sid}`)
    for (const path of ['/console', '/console/state']) {
      const text = await (await fetch(org.url + path)).text()
      for (const secret of [idx, sid, org.apiToken]) expect(text).not.toContain(secret)
    }
  })

  it('the console shows a bounded number of sessions', async () => {
    const org = await start()
    for (let count = 0; count < 120; count += 1) org.signIn('bob@example.com')
    const markup = await (await fetch(`${org.url}/console`)).text()
    expect(markup).toContain('120 in all. The newest 50 are shown.')
    expect(formsIn(markup).filter(({ action }) => action === '/console/revoke')).toHaveLength(50)
  })

  it('the console counts no session that is over, once its clock has moved', async () => {
    const org = await start()
    for (let count = 0; count < 3; count += 1) org.signIn('bob@example.com')
    await postForm(`${org.url}/console/advance`, { minutes: '121' })
    const markup = await (await fetch(`${org.url}/console`)).text()
    expect(markup).toContain('<caption>0 in all.</caption>')
    const state = await bodyOf(await fetch(`${org.url}/console/state`))
    expect(state).toMatchObject({ sessionCount: 0, sessions: [] })
  })

  it('a session revoked on the console is refused by the API', async () => {
    const org = await start()
    const cookie = org.signIn('alice@example.com')
    const answer = await press(org, /^Revoke the session idx.* of alice/)
    expect(answer.status).toBe(303)
    expect(answer.headers.get('location')).toBe('/console?notice=1')
    const after = await (await fetch(`${org.url}/console?notice=1`)).text()
    expect(after).toContain('role="status">Revoked the session of alice@example.com.<')
    expect((await me(org, cookie)).status).toBe(404)
  })

  it('the console suspends a user, and activates them again', async () => {
    const org = await start()
    const cookie = org.signIn('bob@example.com')
    await press(org, /^Suspend bob/)
    expect((await me(org, cookie)).status).toBe(404)
    expect(() => org.signIn('bob@example.com')).toThrow('suspended')
    await press(org, /^Unsuspend bob/)
    expect((await me(org, org.signIn('bob@example.com'))).status).toBe(200)
  })

  it('the console switches each of its faults on and off', async () => {
    const org = await start()
    const markup = await (await fetch(`${org.url}/console`)).text()
    const offered = [...markup.matchAll(/<option value="(\{[^"]*\})">/g)].map(([, value = '']) =>
      value.replaceAll('&#34;', '"').replaceAll('&#39;', "'"),
    )
    expect(offered.length).toBeGreaterThan(20)
    for (const fault of offered) {
      const fields = { fault, times: '', operation: 'getSession', live: '' }
      const answer = await postForm(`${org.url}/console/fail`, fields)
      expect(answer.status, fault).toBe(303)
      expect(answer.headers.get('location')).toMatch(/^\/console\?live&notice=\d+$/)
    }
    expect(org.faults.map(({ fault }) => JSON.stringify(fault))).toEqual(offered)
    await press(org, /^Stop fault 1$/)
    expect(org.faults).toHaveLength(offered.length - 1)
    await postForm(`${org.url}/console/stop`, {})
    expect(org.faults).toEqual([])
  })

  it('the console moves the clock', async () => {
    const org = await start()
    const cookie = org.signIn('alice@example.com')
    await postForm(`${org.url}/console/advance`, { minutes: '120' })
    expect((await me(org, cookie)).status).toBe(404)
  })
})

describe('the control endpoint in JSON', () => {
  it('the control endpoint does what the forms do, and answers the result', async () => {
    const org = await start()
    const cookie = org.signIn('alice@example.com')
    const [session] = org.sessions
    const post = async (action: string, body: unknown) =>
      bodyOf(await postJson(`${org.url}/console/${action}`, body))

    expect(await post('step-up', { session: session?.id })).toEqual({ done: true })
    expect(org.sessions[0]?.amr).toContain('mfa')
    const { id } = await post('fail', {
      fault: { kind: 'status', status: 500 },
      times: 3,
      operation: 'getCurrentSession',
    })
    expect(org.faults).toEqual([
      {
        id,
        fault: { kind: 'status', status: 500 },
        timesLeft: 3,
        operation: 'getCurrentSession',
      },
    ])
    expect(await post('stop', { id })).toEqual({ done: true })
    expect(await post('stop', { id })).toEqual({ done: false })
    expect(await post('revoke', { session: session?.id })).toEqual({ done: true })
    expect(await post('suspend', { userId: session?.userId })).toEqual({ ended: 0 })
    expect(await post('advance', { ms: 1_000 })).toEqual({ now: expect.any(String) })
    expect((await me(org, cookie)).status).toBe(404)
    const state = await bodyOf(await fetch(`${org.url}/console/state`))
    expect(state).toMatchObject({ engine: 'identity', sessionCount: 0, faults: [] })
    expect(state.callsPerSecond).toHaveLength(60)
  })

  it.each([
    ['fail', { fault: { kind: 'explode' } }, /kind/],
    ['fail', { fault: '{' }, /object/],
    ['fail', { fault: { kind: 'hang' }, times: 0 }, /times/],
    ['fail', { fault: { kind: 'hang' }, operation: 'everything' }, /operation/],
    ['suspend', { userId: 'unknown' }, /userId/],
    ['advance', { ms: -1 }, /ms/],
    ['advance', {}, /ms/],
    ['revoke', [], /JSON object/],
  ])('the control endpoint says what is wrong with %s %j', async (action, body, error) => {
    const org = await start()
    const answer = await postJson(`${org.url}/console/${action}`, body)
    expect(answer.status).toBe(400)
    expect((await bodyOf(answer)).error).toMatch(error)
  })
})

describe('access to the console', () => {
  it.each([
    ['another site', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
    ['an app on another port here', { origin: 'http://localhost:3000' }],
    ['a sandboxed frame', { origin: 'null', 'sec-fetch-site': 'cross-site' }],
    ['a browser that hides where from', { 'sec-fetch-site': 'cross-site' }],
    ['a form without an origin', { origin: 'null' }],
  ])('the console refuses %s', async (_name, headers) => {
    const org = await start()
    org.signIn('alice@example.com')
    const type = { 'content-type': 'application/x-www-form-urlencoded' }
    const { host } = new URL(org.url)
    expect(await send(org, '/console/revoke', 'POST', { host, ...type, ...headers })).toBe(403)
  })

  it('the console refuses to be read under another name', async () => {
    const org = await start()
    for (const path of ['/console', '/console/state']) {
      expect(await send(org, path, 'GET', { host: 'evil.example' })).toBe(421)
      expect(await send(org, path, 'GET', { host: '127.0.0.1:1' })).toBe(200)
    }
  })

  it.each([
    ['its own page', { 'sec-fetch-site': 'same-origin' }, 303],
    [
      'its own page where a policy hides the origin',
      { origin: 'null', 'sec-fetch-site': 'same-origin' },
      303,
    ],
    ['a program', {}, 303],
  ])('the console accepts %s', async (_name, headers, status) => {
    const org = await start()
    const type = { 'content-type': 'application/x-www-form-urlencoded' }
    const { host } = new URL(org.url)
    expect(await send(org, '/console/revoke', 'POST', { host, ...type, ...headers })).toBe(status)
  })
})
