/** The example as a person's browser meets it, from the public page to the refusal after signing out. */
import { afterEach, describe, expect, it } from 'vitest'
import { Browser } from './browser.js'
import { type AppChoices, type RunningApp, startApp } from './running-app.js'

const running: RunningApp[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map((app) => app.close()))
})

async function start(choices: AppChoices = {}) {
  const app = await startApp(choices)
  running.push(app)
  const [user] = app.org.users
  if (user === undefined) throw new Error('the local org has no users')
  return { ...app, user, browser: new Browser() }
}

/** Requests a protected page, is sent to the org's sign-in page, signs in there, and comes back. */
async function signIn({ browser, url, user }: Awaited<ReturnType<typeof start>>) {
  await browser.go(`${url}/account`)
  const { login: username, password } = user
  return browser.submit('/login/login.htm', { username, password })
}

describe.each(['identity', 'classic'] as const)('the example on the %s engine', (engine) => {
  it('the example leads from the public page to the sign-in page, the account and the sign-out', async () => {
    const { browser, url, org, user, ...rest } = await start({ org: { engine } })

    const home = await browser.go(`${url}/`)
    expect(home.status).toBe(200)
    expect(home.body).toContain('You are not signed in')

    const account = await signIn({ browser, url, org, user, ...rest })
    expect(account.url).toBe(`${url}/account`)
    expect(account.status).toBe(200)
    expect(account.body).toContain(user.login)
    expect(account.body).toContain('password (pwd)')
    expect(account.headers['cache-control']).toBe('private, no-store')

    const refreshed = await browser.fetch('/session/refresh', 'POST')
    expect(refreshed.status).toBe(200)
    expect(JSON.parse(refreshed.body)).toMatchObject({ refreshed: true })
    expect(org.calls.refreshCurrentSession).toBe(1)

    const before = new Map(browser.cookies)
    const left = await browser.submit('/sign-out')
    expect(left.url).toBe(`${url}/?signed-out`)
    expect(left.body).toContain('You are signed out')
    expect([...browser.cookies.keys()]).not.toContain(engine === 'classic' ? 'sid' : 'idx')
    expect(org.calls.closeCurrentSession).toBe(1)
    expect(org.sessions).toEqual([])

    // Copies of the cookies are rejected without a call to Okta.
    for (const [name, value] of before) browser.cookies.set(name, value)
    const replayed = await browser.fetch('/account')
    expect(replayed.status).toBe(401)
    expect(JSON.parse(replayed.body)).toMatchObject({
      code: 'session_required',
      reason: 'signed_out',
    })
    const page = await browser.go('/account')
    expect(page.url).toContain(`${org.url}/login/login.htm`)
  })
})

describe('the example', () => {
  it('a page with many requests causes one call to Okta', async () => {
    const app = await start()
    await signIn(app)
    await Promise.all([
      app.browser.go('/account'),
      app.browser.fetch('/session'),
      app.browser.go('/'),
    ])
    expect(app.org.calls.getCurrentSession).toBe(1)
  })

  it('a script learns who is signed in, without the id and the cookie', async () => {
    const app = await start()
    await signIn(app)
    const { body } = await app.browser.fetch('/session')
    expect(JSON.parse(body)).toMatchObject({ state: 'active', user: { login: app.user.login } })
    expect(body).not.toContain(app.org.sessions[0]?.id)
  })

  it('the admin page requires a second factor, and offers to sign in again for it', async () => {
    const app = await start()
    await signIn(app)
    expect(JSON.parse((await app.browser.fetch('/admin')).body)).toMatchObject({
      status: 403,
      code: 'mfa_required',
      amr: ['mfa'],
    })
    const admin = await app.browser.go('/admin')
    expect(admin.status).toBe(403)
    expect(admin.body).toContain('A second factor is needed')

    const returnTo = '/continue?to=/admin'
    expect(admin.body).toContain(`name="returnTo" value="${returnTo}"`)
    const again = await app.browser.submit('/sign-out', { returnTo })
    expect(again.url).toBe(app.url + returnTo)
    expect(again.body).toContain('<meta http-equiv="refresh" content="0; url=/admin">')
    expect(app.org.sessions).toEqual([])
    const back = encodeURIComponent(`${app.url}/admin`)
    const signInPage = await app.browser.go('/admin')
    expect(signInPage.url).toBe(`${app.org.url}/login/login.htm?fromURI=${back}`)
  })

  it('a sign-out sent by another site is refused', async () => {
    const app = await start()
    await signIn(app)
    const forged = await app.browser.send('POST', `${app.url}/sign-out`, {
      'content-type': 'application/x-www-form-urlencoded',
      origin: 'null',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-site': 'cross-site',
    })
    expect(forged.status).toBe(403)
    expect((await app.browser.go('/account')).status).toBe(200)
    expect(app.org.calls.closeCurrentSession).toBe(0)
  })

  it('the example keeps its own cookie before and after a sign-out', async () => {
    const app = await start()
    await signIn(app)
    const dark = await app.browser.submit('/theme', { theme: 'dark' })
    expect(dark.url).toBe(`${app.url}/account`)
    expect(dark.body).toContain('data-theme="dark"')
    const left = await app.browser.submit('/sign-out')
    expect(left.body).toContain('data-theme="dark"')
  })

  it('a change of theme and a new sign-in redirect to no other site', async () => {
    const app = await start()
    await app.browser.go(`${app.url}/continue?to=//elsewhere.example`)
    expect(app.browser.page.body).not.toContain('elsewhere')
    await app.browser.go(`${app.url}/`)
    for (const path of ['//elsewhere.example', '/\\elsewhere.example', 'https://elsewhere.example'])
      expect((await app.browser.submit('/theme', { theme: 'dark', path })).url).toBe(`${app.url}/`)
  })

  it('the example’s pages work under helmet: they have no inline script', async () => {
    const app = await start()
    const account = await signIn(app)
    expect(account.headers['content-security-policy']).toContain("script-src 'self'")
    expect(account.headers['referrer-policy']).toBe('no-referrer')
    expect(account.body).not.toMatch(/<script(?![^>]*\bsrc=)|\son[a-z]+=|style="/)
  })

  it('static files stay cacheable and cause no call to Okta', async () => {
    const app = await start()
    await signIn(app)
    const style = await app.browser.fetch('/style.css')
    expect(style.status).toBe(200)
    expect(style.headers['cache-control']).not.toContain('no-store')
    expect(app.org.calls.getCurrentSession).toBe(1)
  })

  it('the example redirects 127.0.0.1 to localhost, where the cookies are', async () => {
    const app = await start()
    const there = app.url.replace('localhost', '127.0.0.1')
    const { status, headers } = await app.browser.send('GET', `${there}/account?tab=1`)
    expect(status).toBe(307)
    expect(headers.location).toBe(`${app.url}/account?tab=1`)
  })

  it('no page of the example shows a stack', async () => {
    const app = await start()
    await app.browser.go(`${app.url}/no-such-page`)
    expect(app.browser.page.status).toBe(404)
    expect(app.browser.page.body).toContain('There is no such page here.')
  })

  it('users stay signed in while Okta is down', async () => {
    const app = await start({ okta: { cache: { ttlMs: 1, maxTtlMs: 60_000 } } })
    await signIn(app)
    await app.org.close()
    const account = await app.browser.go('/account')
    expect(account.status).toBe(200)
    expect(account.body).toContain(app.user.login)
  })

  it('an unseen cookie gets a 503 and no redirect while Okta is down', async () => {
    const app = await start()
    app.browser.cookies.set('idx', 'an-unseen-cookie')
    await app.org.close()
    const account = await app.browser.go(`${app.url}/account`)
    expect(account.status).toBe(503)
    expect(account.headers['retry-after']).toMatch(/^\d+$/)
    expect(account.body).toContain('http-equiv="refresh"')
    expect(app.browser.cookies.get('idx')).toBe('an-unseen-cookie')
    expect((await app.browser.go('/')).body).toContain('Okta is not available right now')
  })
})

describe('the example’s own sign-in form', () => {
  it.each(['identity', 'classic'] as const)(
    'the example’s own sign-in form exchanges a session token for a session, on the %s engine',
    async (engine) => {
      const { browser, url, org, user } = await start({ ownForm: true, org: { engine } })
      const form = await browser.go(`${url}/account`)
      expect(form.url).toBe(`${url}/sign-in?returnTo=%2Faccount`)
      expect(form.headers['content-security-policy']).toContain(`connect-src 'self' ${org.url}`)

      // What the page's script does: the password goes to the org, and to no other server.
      const { login: username, password } = user
      const answer = await browser.fetch(`${org.url}/api/v1/authn`, 'POST', { username, password })
      const { sessionToken } = JSON.parse(answer.body)
      const account = await browser.submit('/sign-in', { sessionToken })
      expect(account.url).toBe(`${url}/account`)
      expect(account.body).toContain(user.login)

      const left = await browser.submit('/sign-out')
      expect(left.body).toContain('You are signed out')
      expect((await browser.go('/account')).url).toContain('/sign-in')
    },
  )

  it('the example’s own sign-in form has no field that could send a password to the app', async () => {
    const { browser, url } = await start({ ownForm: true })
    const { body } = await browser.go(`${url}/sign-in`)
    expect(body).toContain('id="password"')
    expect(body).not.toMatch(/<input[^>]*name="(?!sessionToken|returnTo|path)/)
  })

  it('the example’s own sign-in form returns to pages of the app only', async () => {
    const { browser, url, org, user } = await start({ ownForm: true })
    await browser.go(`${url}/sign-in?returnTo=https://elsewhere.example/`)
    const sessionToken = org.sessionToken(user.login)
    expect((await browser.submit('/sign-in', { sessionToken })).url).toBe(`${url}/account`)
  })

  it('the example’s own sign-in form says when the session token was used before', async () => {
    const { browser, url } = await start({ ownForm: true })
    await browser.go(`${url}/sign-in`)
    const refused = await browser.submit('/sign-in', { sessionToken: 'a-used-token' })
    expect(refused.status).toBe(401)
    expect(refused.body).toContain('Signing in did not work')
  })
})
