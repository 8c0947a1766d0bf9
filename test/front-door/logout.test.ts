/** logout(): signed out here at once and for good, and at Okta as soon as Okta hears. */
import express from 'express'
import request from 'supertest'
import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  api,
  type Choices,
  cookiesOf,
  ownPage,
  type Parts,
  page,
  serve,
  startOkta,
  startOrg,
  startParts,
  TestClock,
  taken,
} from './door.js'

const script = { ...api, ...ownPage }
const form = { ...page, ...ownPage, 'Content-Type': 'application/x-www-form-urlencoded' }

async function open(choices: Choices = {}) {
  return openWith(await startParts(choices))
}

async function openWith<T extends Pick<Parts, 'okta'>>(parts: T) {
  const app = express()
  app.all('/sign-out', parts.okta.logout())
  app.get('/account', parts.okta.requireSession(), (req, res) => {
    res.json(parts.okta.session(req).login)
  })
  const url = await serve(app)
  const leave = (cookie?: string, headers: Record<string, string> = script) =>
    request(url)
      .post('/sign-out')
      .set(cookie === undefined ? headers : { ...headers, Cookie: cookie })
  const account = (cookie: string) => request(url).get('/account').set('Cookie', cookie)
  return { ...parts, url, leave, account }
}

const signedOut = { code: 'session_required', reason: 'signed_out' }
const silent = { operation: 'closeCurrentSession' } as const

afterEach(() => {
  vi.useRealTimers()
})

describe.each([
  ['identity', undefined],
  ['classic', undefined],
  ['identity', ['sid']],
  ['classic', ['sid']],
] as const)('on the %s engine, with cookies %j', (engine, cookies) => {
  const start = async () => {
    const door = await open({ org: { engine }, ...(cookies && { okta: { cookies } }) })
    const cookie = door.org.signIn('alice@example.com', cookies ? { cookie: 'sid' } : {})
    return { ...door, cookie }
  }
  const allTaken = cookies ? { sid: taken, xids: taken } : { idx: taken, sid: taken, xids: taken }

  it.each(['seen here', 'never seen here'])(
    'logout() signs out for a script a session %s',
    async (seen) => {
      const { org, cookie, leave, account } = await start()
      if (seen === 'seen here') await account(cookie).expect(200)
      const answer = await leave(cookie).expect(204)
      expect(answer.text).toBe('')
      expect(answer.headers['cache-control']).toBe('no-store')
      expect(cookiesOf(answer)).toEqual(allTaken)
      expect(org.sessions).toEqual([])
      expect(org.calls.closeCurrentSession).toBe(1)
      const callsBefore = org.calls.getCurrentSession
      expect((await account(cookie).expect(401)).body).toMatchObject(signedOut)
      expect(org.calls.getCurrentSession).toBe(callsBefore)
    },
  )

  it('logout() redirects after a form post', async () => {
    const { org, cookie, leave } = await start()
    const answer = await leave(cookie, form).send('returnTo=%2Fbye').expect(303)
    expect(answer.headers.location).toBe('/bye')
    expect(answer.headers).not.toHaveProperty('okta-closed')
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(cookiesOf(answer)).toEqual(allTaken)
    expect(org.sessions).toEqual([])
  })
})

describe('the redirect after a form post', () => {
  it.each<[string, string, string | undefined]>([
    ['/a?b', '/a?b', undefined],
    ['https://www.example.com/', 'https://www.example.com/', undefined],
    ['https://evil.example/', '/', undefined],
    ['//evil.example/', '/', undefined],
    ['javascript:alert(1)', '/', undefined],
    ['', '/', undefined],
    ['/from-the-body', '/from-the-body', '/from-the-query'],
  ])('logout() redirects after returnTo %j: %s', async (returnTo, location, query) => {
    const { org, url } = await open({ okta: { trustedOrigins: ['https://www.example.com'] } })
    const answer = await request(url)
      .post(query === undefined ? '/sign-out' : `/sign-out?returnTo=${query}`)
      .set({ ...form, Cookie: org.signIn('alice@example.com') })
      .send(new URLSearchParams({ returnTo }).toString())
    expect([answer.status, answer.headers.location]).toEqual([303, location])
  })

  it('logout() reads returnTo from the query without a body, and else redirects to the app’s default', async () => {
    const { okta } = await startParts()
    const url = await serve(express().post('/out', okta.logout({ returnTo: '/bye' })))
    const to = async (path: string) => (await request(url).post(path).set(form)).headers.location
    expect(await to('/out?returnTo=%2Fa')).toBe('/a')
    expect(await to('/out')).toBe('/bye')
    expect(await to('/out?returnTo=//evil.example')).toBe('/bye')
  })

  it.each([
    ['no JSON', { 'Content-Type': 'application/json' }, '{'],
    ['of another type', { 'Content-Type': 'text/plain' }, 'returnTo=/a'],
    ['too long', { 'Content-Type': 'application/json' }, `"${'x'.repeat(17_000)}"`],
  ])(
    'logout() signs out although the body is %s, and redirects to the default',
    async (_, headers, body) => {
      const { org, leave } = await open()
      const cookie = org.signIn('alice@example.com')
      const answer = await leave(cookie, { ...page, ...ownPage, ...headers })
        .send(body)
        .expect(303)
      expect(answer.headers.location).toBe('/')
      expect(org.sessions).toEqual([])
    },
  )
})

describe('a browser with both cookies', () => {
  it('logout() closes the sessions of both cookies, each by itself', async () => {
    const { org, leave, account } = await open()
    const idx = org.signIn('alice@example.com')
    const sid = org.signIn('bob@example.com', { cookie: 'sid' })
    await account(idx).expect(200)
    await leave(`${idx}; ${sid}`).expect(204)
    expect(org.sessions).toEqual([])
    expect(org.calls.closeCurrentSession).toBe(2)
    for (const cookie of [idx, sid, `${idx}; ${sid}`])
      expect((await account(cookie).expect(401)).body).toMatchObject(signedOut)
  })

  it('logout() does not report both sessions closed where Okta has closed one', async () => {
    const { org, leave, account } = await open()
    const idx = org.signIn('alice@example.com')
    const sid = org.signIn('bob@example.com', { cookie: 'sid' })
    await account(idx)
    await account(sid)
    org.failNext({ kind: 'html' }, silent)
    expect((await leave(`${idx}; ${sid}`).expect(200)).body).toEqual({ oktaClosed: false })
    expect(org.sessions).toHaveLength(1)
    for (const cookie of [idx, sid]) await account(cookie).expect(401)
  })

  it('logout() signs out the live session when the other cookie’s is over', async () => {
    const { org, leave } = await open()
    const sid = org.signIn('bob@example.com', { cookie: 'sid' })
    await leave(`idx=of-yesterday; ${sid}`).expect(204)
    expect(org.sessions).toEqual([])
    expect(org.calls.closeCurrentSession).toBe(1)
  })
})

describe('a sign-out while Okta is silent', () => {
  it.each([
    { kind: 'hang' },
    { kind: 'reset' },
    { kind: 'status', status: 500 },
    { kind: 'status', status: 403 },
    { kind: 'status', status: 404, body: 'not Okta’s' },
    { kind: 'status', status: 200, body: {} },
    { kind: 'rate_limit' },
  ] as const)(
    'a sign-out that Okta does not confirm takes effect here, and the answer says so: %o',
    async (fault) => {
      const { org, leave, account } = await open({ okta: { upstream: { timeoutMs: 400 } } })
      const [alice, bob] = [org.signIn('alice@example.com'), org.signIn('bob@example.com')]
      await account(alice).expect(200)
      await account(bob).expect(200)
      org.fail(fault, silent)
      const answer = await leave(alice).expect(200)
      expect(answer.body).toEqual({ oktaClosed: false })
      expect(cookiesOf(answer)).toEqual({ idx: taken, sid: taken, xids: taken })
      expect((await account(alice).expect(401)).body).toMatchObject(signedOut)
      const asForm = await leave(bob, form).send('returnTo=%2Fbye').expect(303)
      expect(asForm.headers).toMatchObject({ location: '/bye', 'okta-closed': 'false' })
      expect((await account(bob).expect(401)).body).toMatchObject(signedOut)
    },
  )

  it.each(['seen here', 'never seen here'])(
    'a signed-out session that Okta still calls ACTIVE is never accepted again (%s)',
    async (seen) => {
      const { org, clock, leave, account } = await open()
      const cookie = org.signIn('alice@example.com')
      if (seen === 'seen here') await account(cookie).expect(200)
      const stop = org.fail({ kind: 'html' })
      await leave(cookie).expect(200, { oktaClosed: false })
      stop()
      const session = await fetch(`${org.url}/api/v1/sessions/me`, { headers: { cookie } })
      expect(session.status).toBe(200)
      for (const ms of [0, 1_000, 60_000, 600_000, 3_600_000]) {
        clock.advance(ms)
        expect((await account(cookie).expect(401)).body).toMatchObject(signedOut)
      }
      await leave(cookie).expect(200, { oktaClosed: false })
    },
  )

  it('an unconfirmed sign-out is sent to Okta again within five seconds, and settled() waits for it', async () => {
    const { org, okta, clock, leave, account } = await open()
    const cookie = org.signIn('alice@example.com')
    await account(cookie)
    org.failNext({ kind: 'html' }, silent)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    await leave(cookie).expect(200, { oktaClosed: false })
    expect(org.sessions).toHaveLength(1)
    const leftWhenSettled = okta.settled().then(() => org.sessions)
    let waitedMs = 0
    for (; org.sessions.length > 0 && waitedMs < 60_000; waitedMs += 500) {
      await vi.advanceTimersByTimeAsync(500)
      do await new Promise(setImmediate)
      while (okta.stats().inFlight > 0)
    }
    expect(waitedMs).toBeLessThan(5_000)
    expect(await leftWhenSettled).toEqual([])
    expect((await account(cookie).expect(401)).body).toMatchObject(signedOut)
    // Confirmed, and every answer under way has landed: what Okta says counts again.
    clock.advance(6_001)
    expect((await account(cookie).expect(401)).body).toMatchObject({ reason: 'not_found' })
  })

  it('a sign-out that Okta keeps answering oddly keeps no other from being closed', async () => {
    const { org, okta, leave, account } = await open()
    const [alice, bob] = [org.signIn('alice@example.com'), org.signIn('bob@example.com')]
    for (const cookie of [alice, bob]) await account(cookie).expect(200)
    const stop = org.fail({ kind: 'html', status: 403 }, silent)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    await leave(alice).expect(200, { oktaClosed: false })
    while (org.calls.closeCurrentSession < 6) {
      await vi.advanceTimersByTimeAsync(1_000)
      do await new Promise(setImmediate)
      while (okta.stats().inFlight > 0)
    }
    expect(okta.stats()).not.toHaveProperty('heldOff')
    stop()
    await leave(bob).expect(204)
    expect(org.sessions).toHaveLength(1)
  })

  it('an unconfirmed sign-out is given up after ten minutes, with one log line for all', async () => {
    const lines: unknown[] = []
    const { org, clock, okta, leave, account } = await open({
      okta: { logger: { warn: (...line) => lines.push(line) } },
    })
    const cookies = [org.signIn('alice@example.com'), org.signIn('bob@example.com')]
    for (const cookie of cookies) await account(cookie).expect(200)
    org.fail({ kind: 'status', status: 403 }, silent)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    for (const cookie of cookies) await leave(cookie).expect(200)
    let isSettled = false
    void okta.settled().then(() => {
      isSettled = true
    })
    let seconds = 0
    for (; !isSettled && seconds < 3_600; seconds += 1) {
      clock.advance(1_000)
      await vi.advanceTimersByTimeAsync(1_000)
      do await new Promise(setImmediate)
      while (okta.stats().inFlight > 0)
    }
    expect(seconds).toBeGreaterThan(500)
    expect(seconds).toBeLessThan(700)
    const told = lines.filter((line) => String(line).includes('sign-outs'))
    expect(told).toEqual([
      [expect.stringMatching(/^Okta could not be told of sign-outs\./), expect.anything()],
    ])
    for (const cookie of cookies) await account(cookie).expect(401)
  })
})

describe('an unseen cookie', () => {
  it('a sign-out of an unseen cookie without a session costs one lookup, no DELETE and no record', async () => {
    const { org, okta, leave } = await open()
    await leave('idx=unknown').expect(204)
    expect(org.calls).toMatchObject({ getCurrentSession: 1, closeCurrentSession: 0 })
    expect(okta.stats().revocations).toBe(0)
  })

  it('an unseen cookie is refused while its sign-out is looked up', async () => {
    const { org, leave, account } = await open()
    const cookie = org.signIn('alice@example.com')
    org.fail({ kind: 'delay', delayMs: 200 })
    const leaving = leave(cookie).then(({ status }) => status)
    await expect.poll(() => org.calls.getCurrentSession).toBe(1)
    expect((await account(cookie).expect(401)).body).toMatchObject(signedOut)
    expect(await leaving).toBe(204)
  })

  it('a sign-out of an unseen cookie over budget costs no call and no record, and the answer says so', async () => {
    const { org, okta, leave, account } = await open({
      okta: { upstream: { failedLookupsPerClient: { perSecond: 0.1, burst: 2 } } },
    })
    await leave('idx=guess-1').expect(204)
    await leave('idx=guess-2').expect(204)
    const cookie = org.signIn('alice@example.com')
    const answer = await leave(cookie).expect(200)
    expect(answer.body).toEqual({ oktaClosed: false })
    expect(cookiesOf(answer)).toHaveProperty('idx', taken)
    expect(org.calls).toMatchObject({ getCurrentSession: 2, closeCurrentSession: 0 })
    expect((await leave(cookie, form).expect(303)).headers['okta-closed']).toBe('false')
    expect(okta.stats().revocations).toBe(0)
    expect((await account(cookie).expect(429)).body.code).toBe('too_many_attempts')
  })

  it('a sign-out of an unseen cookie closes a session that lacks a factor', async () => {
    const { org, leave } = await open()
    await leave(org.signIn('alice@example.com', { status: 'MFA_REQUIRED' })).expect(204)
    expect(org.sessions).toEqual([])
  })
})

describe('a session that has ended', () => {
  it('repeated sign-outs of ended sessions are charged to the client, and rest', async () => {
    const { org, okta, clock, leave, account } = await open()
    const cookies = Array.from({ length: 20 }, () => org.signIn('alice@example.com'))
    for (const cookie of cookies) await account(cookie).expect(200)
    for (let round = 0; round < 15; round += 1) {
      for (const cookie of cookies) await leave(cookie)
      clock.advance(4_000)
    }
    expect(org.calls.closeCurrentSession).toBe(20)
    // Twenty lookups while they lived; then what the client's budget grants in a minute, and what it has earned.
    expect(org.calls.getCurrentSession).toBeLessThanOrEqual(20 + 20 + 60 + 3 * 20)
    const headers = { cookie: org.signIn('bob@example.com') }
    expect(await okta.authenticate({ headers, ip: '203.0.113.1' })).toMatchObject({
      state: 'active',
    })
  })

  it('a sign-out of a cached session that Okta has ended is charged to the client', async () => {
    const { org, leave, account } = await open({
      okta: { upstream: { failedLookupsPerClient: { perSecond: 0.1, burst: 5 } } },
    })
    const cookies = Array.from({ length: 5 }, () => org.signIn('alice@example.com'))
    for (const cookie of cookies) await account(cookie).expect(200)
    for (const cookie of cookies) org.endSession(cookie)
    for (const cookie of cookies) await leave(cookie).expect(204)
    // What the five sessions have earned is left.
    for (let i = 0; i < 3 * 5; i += 1) await account(`idx=guess-${i}`).expect(401)
    await account('idx=one-guess-more').expect(429)
  })

  it('a second sign-out while the first rests costs no call, and clears the cookies', async () => {
    const { org, clock, leave, account } = await open()
    const cookie = org.signIn('alice@example.com')
    await account(cookie).expect(200)
    await leave(cookie).expect(204)
    clock.advance(7_000)
    const { getCurrentSession } = org.calls
    expect(cookiesOf(await leave(cookie).expect(204))).toHaveProperty('idx', taken)
    expect(org.calls).toMatchObject({ getCurrentSession, closeCurrentSession: 1 })
  })
})

describe('a session that has ended by this process’s clock', () => {
  const open = async () => {
    const clocks = { ours: new TestClock(), theirs: new TestClock() }
    // Okta's Date is further from our clock than it is trusted: sessions end by our clock.
    clocks.ours.wall += 3 * 3_600_000
    const org = await startOrg({ clock: clocks.theirs })
    const okta = startOkta({ orgUrl: org.url }, clocks.ours)
    return { ...(await openWith({ okta })), org, clocks }
  }

  it.each(['looked up here', 'unseen'])(
    'a session that Okta still has is closed, and signed out here: %s',
    async (seen) => {
      const { org, leave, account } = await open()
      const cookie = org.signIn('alice@example.com')
      if (seen !== 'unseen')
        expect((await account(cookie).expect(401)).body).toMatchObject({ reason: 'expired' })
      await leave(cookie).expect(204)
      expect(org.sessions).toEqual([])
      expect(org.calls.closeCurrentSession).toBe(1)
      expect((await account(cookie).expect(401)).body).toMatchObject(signedOut)
    },
  )

  it.each(['looked up here', 'unseen'])(
    'a session that Okta does not close stays signed out when the clock is right again: %s',
    async (seen) => {
      const { org, clocks, leave, account } = await open()
      const cookie = org.signIn('alice@example.com')
      if (seen !== 'unseen') await account(cookie).expect(401)
      org.fail({ kind: 'html' }, silent)
      await leave(cookie).expect(200, { oktaClosed: false })
      clocks.ours.wall -= 3 * 3_600_000
      clocks.ours.advance(60_000)
      expect((await account(cookie).expect(401)).body).toMatchObject(signedOut)
      expect(org.sessions).toHaveLength(1)
    },
  )
})

describe('a session that Okta did not find a moment ago', () => {
  it('a sign-out costs no call, keeps the session out, and the next one closes it', async () => {
    const { org, okta, clock, leave, account } = await open()
    const cookie = org.signIn('alice@example.com')
    org.failNext({ kind: 'status', status: 404, errorCode: 'E0000007' })
    expect((await account(cookie).expect(401)).body).toMatchObject({ reason: 'not_found' })
    clock.advance(3_000)
    await leave(cookie).expect(204)
    await leave(cookie).expect(204)
    expect(org.calls).toMatchObject({ getCurrentSession: 1, closeCurrentSession: 0 })
    expect(okta.stats().revocations).toBe(1)
    for (const ms of [11_000, 3_600_000]) {
      clock.advance(ms)
      expect((await account(cookie).expect(401)).body).toMatchObject(signedOut)
    }
    expect(org.calls.getCurrentSession).toBe(1)
    await leave(cookie).expect(204)
    expect(org.sessions).toEqual([])
    expect(org.calls).toMatchObject({ getCurrentSession: 2, closeCurrentSession: 1 })
  })

  it('the next sign-out that finds no session leaves no record', async () => {
    const { org, okta, clock, leave } = await open()
    for (const ms of [0, 3_000, 11_000]) {
      clock.advance(ms)
      await leave('idx=nobody').expect(204)
    }
    expect(org.calls).toMatchObject({ getCurrentSession: 2, closeCurrentSession: 0 })
    expect(okta.stats().revocations).toBe(0)
  })

  it('a next sign-out over budget keeps the session out, and the answer says so', async () => {
    const { org, clock, leave, account } = await open({
      okta: { upstream: { failedLookupsPerClient: { perSecond: 0.01, burst: 1 } } },
    })
    const cookie = org.signIn('alice@example.com')
    org.failNext({ kind: 'status', status: 404, errorCode: 'E0000007' })
    await account(cookie).expect(401)
    await leave(cookie).expect(204)
    clock.advance(11_000)
    await leave(cookie).expect(200, { oktaClosed: false })
    expect((await account(cookie).expect(401)).body).toMatchObject(signedOut)
    expect(org.calls).toMatchObject({ getCurrentSession: 1, closeCurrentSession: 0 })
  })
})

describe('stats()', () => {
  it('a sign-out that Okta does not confirm subtracts its session at once', async () => {
    const { org, okta, leave, account } = await open()
    const cookie = org.signIn('alice@example.com')
    await account(cookie).expect(200)
    await account(org.signIn('bob@example.com')).expect(200)
    org.fail({ kind: 'html' }, silent)
    await leave(cookie).expect(200, { oktaClosed: false })
    expect(okta.stats().sessions).toBe(1)
  })
})

describe('requests in flight at a sign-out', () => {
  it('a request in flight at a sign-out is refused, though Okta’s answer was active', async () => {
    const { org, leave, account } = await open()
    const cookie = org.signIn('alice@example.com')
    // Answered before the sign-out, arrived after it.
    org.failNext({ kind: 'delay', delayMs: 300 }, { operation: 'getCurrentSession' })
    const slow = account(cookie).then(({ status, body }) => ({ status, body }))
    await expect.poll(() => org.calls.getCurrentSession).toBe(1)
    await leave(cookie).expect(204)
    expect(await slow).toMatchObject({ status: 401, body: signedOut })
  })
})

describe('concurrent sign-outs', () => {
  it('two concurrent sign-outs of one session are one', async () => {
    const { org, leave, account } = await open()
    const cookie = org.signIn('alice@example.com')
    await account(cookie)
    org.fail({ kind: 'delay', delayMs: 30 })
    const statuses = await Promise.all([leave(cookie), leave(cookie), leave(cookie)])
    expect(statuses.map(({ status }) => status)).toEqual([204, 204, 204])
    expect(org.calls.closeCurrentSession).toBe(1)
    await leave(cookie).expect(204)
    expect(org.calls.closeCurrentSession).toBe(1)
  })
})

describe('a sign-out without a session cookie', () => {
  it.each([
    ['none', undefined],
    ['a malformed one', 'idx=%31'],
    ['one of another name', 'theme=dark'],
  ])(
    'a sign-out without a usable session cookie causes no call, and clears the cookies: %s',
    async (_, cookie) => {
      const { org, leave } = await open()
      const answer = await leave(cookie).expect(204)
      expect(cookiesOf(answer)).toEqual({ idx: taken, sid: taken, xids: taken })
      expect(org.calls).toMatchObject({ getCurrentSession: 0, closeCurrentSession: 0 })
    },
  )
})

describe('several values of one name', () => {
  it.each([
    ['the planted one first', 'seen'],
    ['the planted one last', 'seen'],
    ['the planted one first', 'never seen'],
  ])(
    'several values of one cookie name are each refused and closed: %s, the real one %s here',
    async (order, seen) => {
      const { org, leave, account } = await open()
      const real = org.signIn('alice@example.com')
      const planted = org.signIn('bob@example.com')
      if (seen === 'seen') await account(real).expect(200)
      const both = order.endsWith('first') ? `${planted}; ${real}` : `${real}; ${planted}`
      expect((await account(both).expect(401)).body).toMatchObject({ reason: 'ambiguous_cookie' })
      const answer = await leave(both).expect(204)
      expect(cookiesOf(answer)).toEqual({ idx: taken, sid: taken, xids: taken })
      expect(org.sessions).toEqual([])
      expect(org.calls.closeCurrentSession).toBe(2)
      for (const cookie of [real, planted])
        expect((await account(cookie).expect(401)).body).toMatchObject(signedOut)
      expect((await account(both).expect(401)).body).toMatchObject({ reason: 'ambiguous_cookie' })
    },
  )

  it('values without a session, or malformed, do not hinder the sign-out of the real one', async () => {
    const { org, okta, leave, account } = await open()
    const real = org.signIn('alice@example.com')
    await leave(`idx=planted; idx=%31; ${real}; idx=`).expect(204)
    expect(org.sessions).toEqual([])
    expect(org.calls.closeCurrentSession).toBe(1)
    expect(okta.stats().revocations).toBeGreaterThan(0)
    expect((await account(real).expect(401)).body).toMatchObject(signedOut)
  })

  it('several values under both cookie names are closed under both', async () => {
    const { org, leave, account } = await open()
    const values = ['alice', 'bob'].flatMap((name) => [
      org.signIn(`${name}@example.com`),
      org.signIn(`${name}@example.com`, { cookie: 'sid' }),
    ])
    await leave(values.join('; ')).expect(204)
    expect(org.sessions).toEqual([])
    for (const cookie of values) await account(cookie).expect(401)
  })

  it('of many values a few are closed, the seen one among them, and the answer says so', async () => {
    const { org, leave, account } = await open()
    const real = org.signIn('alice@example.com')
    await account(real).expect(200)
    const junk = Array.from({ length: 9 }, (_, index) => `idx=planted-${index}`)
    const answer = await leave([...junk, real].join('; ')).expect(200)
    expect(answer.body).toEqual({ oktaClosed: false })
    expect(cookiesOf(answer)).toHaveProperty('idx', taken)
    expect(org.sessions).toEqual([])
    expect(org.calls).toMatchObject({ getCurrentSession: 4, closeCurrentSession: 1 })
    expect((await account(real).expect(401)).body).toMatchObject(signedOut)
    const asForm = await leave(junk.join('; '), form).expect(303)
    expect(asForm.headers['okta-closed']).toBe('false')
  })

  it('several values are judged apart when Okta is silent about one of them', async () => {
    const { org, leave, account } = await open()
    const [one, other] = [org.signIn('alice@example.com'), org.signIn('bob@example.com')]
    await account(one).expect(200)
    await account(other).expect(200)
    org.failNext({ kind: 'html' }, silent)
    expect((await leave(`${one}; ${other}`).expect(200)).body).toEqual({ oktaClosed: false })
    expect(org.sessions).toHaveLength(1)
    for (const cookie of [one, other]) await account(cookie).expect(401)
  })

  it('a sign-in forgets all earlier values of the cookie', async () => {
    const { org, okta, account } = await open()
    const url = await serve(express().post('/', okta.login()))
    const [one, other] = [org.signIn('alice@example.com'), org.signIn('bob@example.com')]
    await account(one).expect(200)
    await account(other).expect(200)
    await request(url)
      .post('/')
      .set({ ...ownPage, Cookie: `${one}; ${other}` })
      .send({ sessionToken: org.sessionToken('alice@example.com') })
      .expect(200)
    expect(org.calls.getCurrentSession).toBe(2)
    await account(one).expect(200)
    await account(other).expect(200)
    expect(org.calls.getCurrentSession).toBe(4)
  })
})

describe('methods', () => {
  it('logout() handles POST and leaves OPTIONS to the app: no link signs a user out', async () => {
    const { org, url, account } = await open()
    const cookie = org.signIn('alice@example.com')
    for (const method of ['get', 'head', 'put', 'delete'] as const) {
      const { headers } = await request(url)
        [method]('/sign-out')
        .set({ ...ownPage, Cookie: cookie })
      expect(headers.allow).toBe('POST')
    }
    await request(url).options('/sign-out').set('Cookie', cookie).expect(404)
    await account(cookie).expect(200)
  })
})
