/** What the console says after each action, the current user, and which field the sign-in page focuses. */
import { describe, expect, it } from 'vitest'
import type { LocalOrg } from '../../src/local-org/index.js'
import { orgs, postForm } from './orgs.js'

const start = orgs()
const ALICE = 'alice@example.com'

/** The console after a form of it was sent: its status, and what it says of the action. */
async function act(org: LocalOrg, action: string, fields: Readonly<Record<string, string>>) {
  const answer = await postForm(`${org.url}/console/${action}`, fields, { origin: org.url })
  const location = answer.headers.get('location')
  const page = location === null ? answer : await fetch(new URL(location, org.url))
  const [, role = '', text = ''] =
    /<p class="(?:done|alert)" role="(\w+)">([^<]*)<\/p>/.exec(await page.text()) ?? []
  return `${answer.status} ${role}: ${text.replaceAll(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)))}`
}

describe('the console says', () => {
  it('what each action has done, and to whom', async () => {
    const org = await start()
    const { userId = '' } = org.users.find(({ login }) => login === ALICE) ?? {}
    org.signIn(ALICE)
    org.signIn(ALICE)
    const session = org.sessions[0]?.id ?? ''
    const hang = JSON.stringify({ kind: 'hang' })
    expect([
      await act(org, 'revoke', { session }),
      await act(org, 'end-everywhere', { userId }),
      await act(org, 'suspend', { userId }),
      await act(org, 'unsuspend', { userId }),
      await act(org, 'fail', { fault: hang, operation: 'getCurrentSession', times: '' }),
      await act(org, 'stop', { id: '1' }),
      await act(org, 'advance', { minutes: '0' }),
    ]).toEqual([
      `303 status: Revoked the session of ${ALICE}.`,
      `303 status: Signed ${ALICE} out everywhere: one session has ended.`,
      `303 status: Suspended ${ALICE}: 0 sessions have ended.`,
      `303 status: ${ALICE} may sign in again.`,
      '303 status: Switched on “no answer at all” for getCurrentSession.',
      '303 status: Switched the fault off.',
      expect.stringMatching(/^303 status: Moved the clock: it is now \d\d:\d\d:\d\d UTC\.$/),
    ])
  })

  it('why an action has changed nothing', async () => {
    const org = await start()
    expect([
      await act(org, 'revoke', { session: 'gone' }),
      await act(org, 'stop', { id: '7' }),
      await act(org, 'suspend', { userId: 'nobody' }),
      await act(org, 'advance', { minutes: '-1' }),
      await act(org, 'advance', { minutes: '1e300' }),
    ]).toEqual([
      '303 alert: That session had ended already.',
      '303 alert: That fault was not on any more.',
      '400 alert: Nothing was changed: There is no user with that userId.',
      '400 alert: Nothing was changed: ms, or minutes, must be a number from 0 up, at most a hundred years at once.',
      expect.stringContaining('at most a hundred years at once'),
    ])
  })

  it('nothing that an address asks it to say', async () => {
    const org = await start()
    for (const notice of ['1', 'hello', '-1', '', '1e9']) {
      const page = await fetch(`${org.url}/console?notice=${notice}`)
      expect(await page.text()).not.toMatch(/class="(?:done|alert)"/)
    }
  })
})

describe('GET /api/v1/users/me', () => {
  it('is the user of the session cookie, and 403 without an active session', async () => {
    const org = await start()
    const me = async (cookie: string) => {
      const answer = await fetch(`${org.url}/api/v1/users/me`, { headers: { cookie } })
      return { status: answer.status, body: await answer.json() }
    }
    const cookie = org.signIn(ALICE)
    const { userId } = org.sessions[0] ?? {}
    const profile = { login: ALICE, email: ALICE, firstName: 'Alice', lastName: 'Example' }
    expect(await me(cookie)).toMatchObject({
      status: 200,
      body: { id: userId, status: 'ACTIVE', profile },
    })
    expect(JSON.stringify((await me(cookie)).body)).not.toContain(cookie.split('=')[1])
    for (const { id } of org.sessions) org.endSession(id)
    for (const each of [cookie, '', 'sid=unknown'])
      expect(await me(each)).toMatchObject({ status: 403, body: { errorCode: 'E0000005' } })
  })

  it('may be read by pages of trusted origins alone', async () => {
    const org = await start({ trustedOrigins: ['http://localhost:3000'] })
    const headers = (origin: string) => ({ origin, cookie: org.signIn(ALICE) })
    const allowed = async (origin: string) => {
      const answer = await fetch(`${org.url}/api/v1/users/me`, { headers: headers(origin) })
      return answer.headers.get('access-control-allow-origin')
    }
    expect(await allowed('http://localhost:3000')).toBe('http://localhost:3000')
    expect(await allowed('https://evil.example')).toBeNull()
  })
})

describe('the sign-in page', () => {
  const focused = (markup: string) => /<input id="(\w+)"[^>]* autofocus/.exec(markup)?.[1]

  it('focuses the first empty field', async () => {
    const org = await start()
    const page = async (query: string) =>
      focused(await (await fetch(`${org.url}/login/login.htm${query}`)).text())
    expect(await page('')).toBe('username')
    expect(await page(`?login_hint=${ALICE}`)).toBe('password')
    const fields = { username: ALICE, password: 'wrong' }
    const wrong = await postForm(`${org.url}/login/login.htm`, fields, { origin: org.url })
    expect(focused(await wrong.text())).toBe('password')
    const empty = { username: '', password: 'wrong' }
    const without = await postForm(`${org.url}/login/login.htm`, empty, { origin: org.url })
    expect(focused(await without.text())).toBe('username')
  })
})
