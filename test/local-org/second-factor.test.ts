import { describe, expect, it } from 'vitest'
import type { LocalOrg } from '../../src/local-org/index.js'
import { passCodeAt, toBase32 } from '../../src/local-org/org/totp.js'
import { bodyOf, cookiesOf, me, orgs, postForm, postJson, stillClock } from './orgs.js'

const start = orgs()
const CAROL = { username: 'carol@example.com', password: 'local-password' }

/** The state token and the address to verify at, from primary authentication. */
async function firstStep(org: LocalOrg) {
  const body = await bodyOf(await postJson(`${org.url}/api/v1/authn`, CAROL))
  const text = JSON.stringify(body)
  const [, verify = ''] = /"href":"([^"]+\/verify)"/.exec(text) ?? []
  return { body, stateToken: String(body.stateToken), verify }
}

describe('passcodes', () => {
  it('passcodes are those of RFC 6238', () => {
    const secret = toBase32(Buffer.from('12345678901234567890'))
    expect(passCodeAt(secret, 59_000)).toBe('287082')
    expect(passCodeAt(secret, 1_111_111_109_000)).toBe('081804')
    expect(passCodeAt(secret, 20_000_000_000_000)).toBe('353130')
  })
})

describe('primary authentication with a second factor', () => {
  it('primary authentication requires a second factor, and gives a session of both for the right passcode', async () => {
    const org = await start({ clock: stillClock })
    const { body, stateToken, verify } = await firstStep(org)
    expect(body).toMatchObject({
      status: 'MFA_REQUIRED',
      expiresAt: '2030-01-15T12:05:00.000Z',
      _embedded: {
        factors: [{ factorType: 'token:software:totp', provider: 'OKTA' }],
      },
    })
    expect(body).not.toHaveProperty('sessionToken')

    const passCode = org.passCode('carol@example.com')
    const verified = await bodyOf(await postJson(verify, { stateToken, passCode }))
    expect(verified.status).toBe('SUCCESS')
    const { sessionToken } = verified
    const session = await bodyOf(await postJson(`${org.url}/api/v1/sessions`, { sessionToken }))
    expect(session).toMatchObject({
      status: 'ACTIVE',
      amr: ['pwd', 'otp', 'mfa'],
      lastPasswordVerification: '2030-01-15T12:00:00.000Z',
      lastFactorVerification: '2030-01-15T12:00:00.000Z',
      mfaActive: true,
    })
  })

  it('a wrong passcode may be tried again, and a state token used once', async () => {
    const org = await start({ clock: stillClock })
    const { stateToken, verify } = await firstStep(org)
    const passCode = org.passCode('carol@example.com')
    const wrong = String((Number(passCode) + 1) % 1_000_000).padStart(6, '0')
    const refused = await postJson(verify, { stateToken, passCode: wrong })
    expect(refused.status).toBe(403)
    expect(await bodyOf(refused)).toMatchObject({
      errorCode: 'E0000068',
      errorSummary: 'Invalid Passcode/Answer',
      errorCauses: [{ errorSummary: expect.stringContaining("doesn't match") }],
    })
    expect((await postJson(verify, { stateToken, passCode })).status).toBe(200)
    const again = await postJson(verify, { stateToken, passCode })
    expect(again.status).toBe(401)
    expect(await bodyOf(again)).toMatchObject({ errorCode: 'E0000011' })
  })

  it('the passcodes before and after the current one are accepted, and no older one', async () => {
    const org = await start({ clock: stillClock })
    const passCode = org.passCode('carol@example.com')
    org.clock.advance(30_000)
    const inTime = await firstStep(org)
    const { verify } = inTime
    expect((await postJson(verify, { stateToken: inTime.stateToken, passCode })).status).toBe(200)
    org.clock.advance(30_000)
    const late = await firstStep(org)
    expect((await postJson(verify, { stateToken: late.stateToken, passCode })).status).toBe(403)
  })

  it('a state token is valid for five minutes, or until it is cancelled', async () => {
    const org = await start({ clock: stillClock })
    const { stateToken, verify } = await firstStep(org)
    const { stateToken: cancelled } = await firstStep(org)
    const cancel = `${org.url}/api/v1/authn/cancel`
    expect((await postJson(cancel, { stateToken: cancelled })).status).toBe(200)
    expect((await postJson(cancel, { stateToken: cancelled })).status).toBe(401)
    org.clock.advance(5 * 60_000)
    const passCode = org.passCode('carol@example.com')
    expect((await postJson(verify, { stateToken, passCode })).status).toBe(401)
  })

  it('each factor has an address of its own', async () => {
    const org = await start()
    const { stateToken, verify } = await firstStep(org)
    const other = verify.replace(/ost\w+/, 'ostSomebodyElses1234')
    const passCode = org.passCode('carol@example.com')
    expect((await postJson(other, { stateToken, passCode })).status).toBe(404)
  })
})

describe('the sign-in page’s second step', () => {
  const field = (markup: string, name: string) =>
    new RegExp(`name="${name}" value="([^"]*)"`).exec(markup)?.[1] ?? ''

  it('the sign-in page shows the passcode, accepts it, and goes back to the app', async () => {
    const org = await start()
    const fromURI = 'http://localhost:3000/account'
    const first = await postForm(`${org.url}/login/login.htm`, { ...CAROL, fromURI })
    expect(first.status).toBe(200)
    expect(first.headers.getSetCookie()).toEqual([])
    const page = await first.text()
    const stateToken = field(page, 'stateToken')
    const [, shown = ''] = /<code id="shown">(\d{6})<\/code>/.exec(page) ?? []
    expect(page).toContain('<label for="passCode">')

    const action = `${org.url}/login/second-step`
    const wrong = await postForm(action, { stateToken, passCode: 'abc', fromURI })
    expect(wrong.status).toBe(401)
    expect(await wrong.text()).toContain('role="alert"')

    const right = await postForm(action, { stateToken, passCode: shown, fromURI })
    expect(right.status).toBe(303)
    expect(right.headers.get('location')).toBe(fromURI)
    expect(await bodyOf(await me(org, cookiesOf(right)))).toMatchObject({
      login: 'carol@example.com',
      amr: ['pwd', 'otp', 'mfa'],
    })
  })

  it('the sign-in page starts anew when the second step took too long', async () => {
    const org = await start()
    const first = await postForm(`${org.url}/login/login.htm`, CAROL)
    const stateToken = field(await first.text(), 'stateToken')
    org.clock.advance(5 * 60_000)
    const passCode = org.passCode('carol@example.com')
    const late = await postForm(`${org.url}/login/second-step`, { stateToken, passCode })
    expect(late.status).toBe(401)
    expect(await late.text()).toContain('name="password"')
  })
})

describe('sessions that are not active yet', () => {
  it.each(['MFA_REQUIRED', 'MFA_ENROLL'] as const)(
    'a session may be %s on demand, and becomes active under the same cookie on the sign-in page',
    async (status) => {
      const org = await start()
      const cookie = org.signIn('alice@example.com', { status })
      expect(await bodyOf(await me(org, cookie))).toMatchObject({
        status,
        lastFactorVerification: null,
      })
      const fromURI = 'http://localhost:3000/'
      const page = await fetch(`${org.url}/login/login.htm?fromURI=${fromURI}`, {
        headers: { cookie },
      })
      expect(await page.text()).toContain('action="/login/step-up"')
      const passCode = org.passCode('alice@example.com')
      const answer = await postForm(`${org.url}/login/step-up`, { passCode, fromURI }, { cookie })
      expect(answer.headers.get('location')).toBe(fromURI)
      expect(await bodyOf(await me(org, cookie))).toMatchObject({ status: 'ACTIVE' })
    },
  )
})

describe('step-up of a live session', () => {
  it('step-up happens on a page, under the same cookie', async () => {
    const org = await start({ clock: stillClock })
    const cookie = org.signIn('bob@example.com')
    const before = await bodyOf(await me(org, cookie))
    org.clock.advance(60_000)
    const page = await fetch(`${org.url}/login/step-up`, { headers: { cookie } })
    expect(await page.text()).toContain('Passcode for bob@example.com')

    const action = `${org.url}/login/step-up`
    const wrong = await postForm(action, { passCode: '000 000' }, { cookie })
    expect(wrong.status).toBe(401)
    const right = await postForm(action, { passCode: org.passCode('bob@example.com') }, { cookie })
    expect(right.status).toBe(303)
    expect(right.headers.getSetCookie()).toEqual([])
    expect(await bodyOf(await me(org, cookie))).toEqual({
      ...before,
      amr: ['pwd', 'otp', 'mfa'],
      lastFactorVerification: '2030-01-15T12:01:00.000Z',
      mfaActive: true,
    })
  })

  it('stepUp() takes a cookie or an id', async () => {
    const org = await start()
    const cookie = org.signIn('bob@example.com')
    expect(org.stepUp(cookie)).toBe(true)
    expect(org.sessions[0]?.amr).toContain('mfa')
    expect(org.stepUp(org.sessions[0]?.id ?? '')).toBe(true)
    expect(org.stepUp('sid=102nobody')).toBe(false)
  })

  it('the step-up page without a session offers sign-in', async () => {
    const org = await start()
    const page = await fetch(`${org.url}/login/step-up`)
    expect(await page.text()).toContain('name="password"')
    const posted = await postForm(`${org.url}/login/step-up`, { passCode: '123456' })
    expect(posted.status).toBe(401)
  })
})

describe('signIn()', () => {
  it('signIn() uses the second factor of users who have one, unless told not to', async () => {
    const org = await start()
    org.signIn('carol@example.com')
    org.signIn('carol@example.com', { mfa: false })
    org.signIn('alice@example.com', { mfa: true })
    expect(org.sessions.map(({ amr }) => amr.includes('mfa'))).toEqual([true, false, true])
  })

  it('signIn() names a login it does not know', async () => {
    const org = await start()
    expect(() => org.signIn('unknown@example.com')).toThrow('no user unknown@example.com')
  })
})
