import { describe, expect, it } from 'vitest'
import { createLocalOrg } from '../../src/local-org/index.js'
import { cookiesOf, orgs, postForm as post } from './orgs.js'

const start = orgs()

const me = (url: string, cookie: string, method = 'GET', tail = '') =>
  fetch(`${url}/api/v1/sessions/me${tail}`, { method, headers: { cookie } })

describe('a local org in a browser', () => {
  for (const [engine, names] of [
    ['identity', /^idx=[\w.-]{1000,2000}$/],
    ['classic', /^sid=102[\w-]{22}; xids=102[\w-]{22}$/],
  ] as const) {
    it(`the local org signs in on the ${engine} engine's page and goes back to the app`, async () => {
      const { url } = await start({ engine })
      const back = 'http://localhost:3000/account?x=1'
      const page = await fetch(`${url}/login/login.htm?fromURI=${encodeURIComponent(back)}`)
      const markup = await page.text()
      expect(page.status).toBe(200)
      expect(markup).toContain('alice@example.com')
      expect(markup).toContain(`name="fromURI" value="${back}"`)

      const answer = await post(`${url}/login/login.htm`, {
        username: 'alice@example.com',
        password: 'local-password',
        fromURI: back,
      })
      expect(answer.status).toBe(303)
      expect(answer.headers.get('location')).toBe(back)
      expect(cookiesOf(answer)).toMatch(names)

      const session = await me(url, cookiesOf(answer))
      expect(await session.json()).toMatchObject({ login: 'alice@example.com', status: 'ACTIVE' })
    })
  }

  it('the sign-in page shows the form again, with the username, after a wrong password', async () => {
    const { url } = await start()
    const answer = await post(`${url}/login/login.htm`, {
      username: 'alice@example.com',
      password: 'no',
    })
    expect(answer.status).toBe(401)
    const markup = await answer.text()
    expect(markup).toContain('role="alert"')
    expect(markup).toContain('value="alice@example.com"')
    expect(answer.headers.getSetCookie()).toEqual([])
  })

  it('the sign-in page redirects a browser with a session at once', async () => {
    const { url, signIn } = await start()
    const headers = { cookie: signIn('bob@example.com') }
    const answer = await fetch(`${url}/login/login.htm?fromURI=http://localhost:3000/`, {
      headers,
      redirect: 'manual',
    })
    expect(answer.status).toBe(302)
    expect(answer.headers.get('location')).toBe('http://localhost:3000/')
  })

  it.each([
    'https://evil.example/',
    '//evil.example/',
    'http://localhost@evil.example/',
    'http://localhost.evil.example/',
    'javascript:alert(1)',
    'http://alice:x@localhost/',
    '\\\\evil.example/',
  ])('the sign-in page never redirects to %s', async (target) => {
    const { url, sessionToken, signIn } = await start()
    const encoded = encodeURIComponent(target)
    const cookie = signIn('alice@example.com')
    const answers = await Promise.all([
      fetch(`${url}/login/login.htm?fromURI=${encoded}`, {
        headers: { cookie },
        redirect: 'manual',
      }),
      post(`${url}/login/login.htm`, {
        username: 'alice@example.com',
        password: 'local-password',
        fromURI: target,
      }),
      fetch(
        `${url}/login/sessionCookieRedirect?token=${sessionToken('alice@example.com')}&redirectUrl=${encoded}`,
        { redirect: 'manual' },
      ),
      fetch(`${url}/login/signout?fromURI=${encoded}`, { redirect: 'manual' }),
    ])
    expect(answers.map((answer) => answer.status)).toEqual([400, 400, 400, 302])
    expect(answers[3].headers.get('location')).toBe(`${url}/login/login.htm`)
  })

  it('the sign-in page redirects to a trusted origin', async () => {
    const { url, signIn } = await start({ trustedOrigins: ['https://app.example.com'] })
    const answer = await fetch(`${url}/login/login.htm?fromURI=https://app.example.com/a`, {
      headers: { cookie: signIn('alice@example.com') },
      redirect: 'manual',
    })
    expect(answer.headers.get('location')).toBe('https://app.example.com/a')
  })

  it('the sign-in page exchanges a session token for a cookie once', async () => {
    const { url, sessionToken } = await start()
    const address = `${url}/login/sessionCookieRedirect?token=${sessionToken('alice@example.com')}&redirectUrl=http://localhost:3000/`
    const first = await fetch(address, { redirect: 'manual' })
    expect(first.headers.get('location')).toBe('http://localhost:3000/')
    expect((await me(url, cookiesOf(first))).status).toBe(200)
    const second = await fetch(address, { redirect: 'manual' })
    expect(second.headers.get('location')).toBe(
      `${url}/login/login.htm?fromURI=${encodeURIComponent('http://localhost:3000/')}`,
    )
    expect(second.headers.getSetCookie()).toEqual([])
  })

  it('a sign-out on a page ends the session and clears the cookies', async () => {
    const { url, signIn } = await start()
    const cookie = signIn('alice@example.com')
    const answer = await fetch(`${url}/login/signout?fromURI=http://localhost:3000/bye`, {
      headers: { cookie },
      redirect: 'manual',
    })
    expect(answer.headers.get('location')).toBe('http://localhost:3000/bye')
    expect(answer.headers.getSetCookie().join()).toContain('idx="";Path=/;Max-Age=0')
    expect((await me(url, cookie)).status).toBe(404)
  })

  it('the sign-in page escapes what it shows', async () => {
    const { url } = await start()
    const answer = await post(`${url}/login/login.htm`, { username: '"><script>', password: 'x' })
    expect(await answer.text()).not.toContain('<script')
  })
})

describe('primary authentication and session tokens', () => {
  const authn = (url: string, body: string) =>
    fetch(`${url}/api/v1/authn`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })

  it('primary authentication gives a token for a password and E0000004 for a wrong one', async () => {
    const { url, users } = await start()
    const [alice] = users
    const good = await authn(
      url,
      JSON.stringify({ username: alice?.login, password: alice?.password }),
    )
    expect(good.status).toBe(200)
    expect(await good.json()).toMatchObject({
      status: 'SUCCESS',
      sessionToken: expect.stringMatching(/^20111/),
      _embedded: { user: { id: alice?.userId } },
    })
    const bad = await authn(url, JSON.stringify({ username: alice?.login, password: 'x' }))
    expect(bad.status).toBe(401)
    expect(await bad.json()).toMatchObject({ errorCode: 'E0000004' })
    const broken = await authn(url, '{')
    expect(await broken.json()).toMatchObject({ errorCode: 'E0000003' })
  })

  it('a session token ends after five minutes', async () => {
    const { url, sessionToken, clock } = await start({ clock: { now: () => 1_900_000_000_000 } })
    const create = (token: string) =>
      fetch(`${url}/api/v1/sessions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ sessionToken: token }),
      })
    const [early, late] = [sessionToken('alice@example.com'), sessionToken('alice@example.com')]
    clock.advance(5 * 60_000 - 1)
    expect((await create(early)).status).toBe(200)
    clock.advance(1)
    expect((await create(late)).status).toBe(401)
  })
})

describe('the end of a session', () => {
  it('an idle session ends, unless it is refreshed; a lookup does not extend it', async () => {
    const { url, signIn, clock } = await start({ idleMinutes: 30 })
    const cookie = signIn('alice@example.com')
    clock.advance(29 * 60_000)
    expect((await me(url, cookie)).status).toBe(200)
    expect((await me(url, cookie, 'POST', '/lifecycle/refresh')).status).toBe(200)
    clock.advance(29 * 60_000)
    expect((await me(url, cookie)).status).toBe(200)
    clock.advance(60_000)
    expect((await me(url, cookie)).status).toBe(404)
  })

  it('a session ends when its lifetime is over, refreshed or not', async () => {
    const { url, signIn, clock } = await start({ idleMinutes: 30, lifetimeMinutes: 45 })
    const cookie = signIn('alice@example.com')
    clock.advance(20 * 60_000)
    const refreshed = await me(url, cookie, 'POST', '/lifecycle/refresh')
    const { createdAt, expiresAt } = (await refreshed.json()) as Record<string, string>
    expect(Date.parse(expiresAt ?? '') - Date.parse(createdAt ?? '')).toBe(45 * 60_000)
    clock.advance(25 * 60_000)
    expect((await me(url, cookie)).status).toBe(404)
  })

  it('endSession() takes either id, and suspending its user ends a session', async () => {
    const local = await start()
    const first = local.signIn('alice@example.com')
    const sid = local.signIn('alice@example.com', { cookie: 'sid' })
    const bobs = local.signIn('bob@example.com')
    expect(local.sessions.map((session) => session.login)).toEqual([
      'alice@example.com',
      'alice@example.com',
      'bob@example.com',
    ])
    expect(local.endSession(local.sessions[0]?.id ?? '')).toBe(true)
    expect((await me(local.url, first)).status).toBe(404)
    expect(local.endSession(sid.slice('sid='.length))).toBe(true)
    expect(local.endSession(sid.slice('sid='.length))).toBe(false)
    expect(local.suspendUser(local.users[1]?.userId ?? '')).toBe(1)
    expect((await me(local.url, bobs)).status).toBe(404)
    expect(() => local.signIn('bob@example.com')).toThrow('suspended')
    local.unsuspendUser(local.users[1]?.userId ?? '')
    expect((await me(local.url, local.signIn('bob@example.com'))).status).toBe(200)
  })

  it('a session ends by the clock given in the options', async () => {
    let now = Date.UTC(2030, 0, 1)
    const { url, signIn } = await start({ clock: { now: () => now } })
    const cookie = signIn('alice@example.com')
    const answer = await me(url, cookie)
    expect(answer.headers.get('date')).toBe('Tue, 01 Jan 2030 00:00:00 GMT')
    expect(await answer.json()).toMatchObject({ expiresAt: '2030-01-01T02:00:00.000Z' })
    now += 120 * 60_000
    expect((await me(url, cookie)).status).toBe(404)
  })
})

describe('createLocalOrg()', () => {
  it('createLocalOrg() names every invalid option at once', async () => {
    const options = { port: -1, engine: 'oie', idleMinutes: 0, speed: 2 }
    // @ts-expect-error: what a JavaScript caller may write
    await expect(createLocalOrg(options)).rejects.toThrow(
      /speed is no option of a local org; known: port, engine.*port must.*idleMinutes must.*engine must/,
    )
  })

  it('a local org may be closed twice and frees its port', async () => {
    const first = await createLocalOrg()
    const port = Number(new URL(first.url).port)
    await Promise.all([first.close(), first.close()])
    await first.close()
    const { url } = await start({ port })
    expect((await fetch(`${url}/login/login.htm`)).status).toBe(200)
    await expect(createLocalOrg({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })
})
