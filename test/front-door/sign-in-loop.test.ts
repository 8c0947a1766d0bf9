/** Redirects to sign-in are counted, so that a browser that never gets a session is told so. */
import { describe, expect, it } from 'vitest'
import { cookiesOf } from './door.js'
import { openGuarded } from './guarded-app.js'

describe('a browser that comes back from signing in without a session, again and again', () => {
  it('repeated returns from sign-in without a session end in a page, not a redirect', async () => {
    const { org, ask } = await openGuarded()
    let cookie = 'idx=never-good'
    let since: string | undefined
    for (let times = 1; times <= 4; times += 1) {
      const answer = await ask.page(cookie).expect(302)
      const value = cookiesOf(answer)['okta-sign-in-redirects']?.value ?? ''
      since ??= value.split('.')[1]
      expect(cookiesOf(answer)).toEqual({
        'okta-sign-in-redirects': {
          value: `${times}.${since}`,
          attributes: ['HttpOnly', 'Max-Age=60', 'Path=/', 'SameSite=Lax'],
        },
      })
      cookie = `idx=never-good; okta-sign-in-redirects=${value}`
    }
    const { text, headers } = await ask.page(cookie).expect(401)
    expect(headers).not.toHaveProperty('location')
    expect(text).toContain('several times within a minute')
    expect(text).toContain(`<a href="${org.url}/login/login.htm?fromURI=`)
  })

  it('repeated returns from sign-in without a factor end in a page, not a redirect', async () => {
    const { org, clock, ask } = await openGuarded()
    const cookie = org.signIn('alice@example.com', { status: 'MFA_REQUIRED' })
    await ask.page(`${cookie}; okta-sign-in-redirects=4.${clock.now()}`).expect(401)
  })

  it.each([
    '',
    'x',
    '99',
    '-1.0',
    'NaN.NaN',
    '99.minute ago',
    '99.to come',
    '4.Infinity',
    '4.-Infinity',
  ])('the count of returns starts at one where its cookie holds %j', async (value) => {
    const { clock, ask } = await openGuarded()
    const planted = value
      .replace('minute ago', String(clock.now() - 60_000))
      .replace('to come', String(clock.now() + 1))
    const answer = await ask.page(`okta-sign-in-redirects=${planted}`).expect(302)
    expect(cookiesOf(answer)['okta-sign-in-redirects']?.value).toMatch(/^1\.\d+$/)
  })
})

describe('a page loaded on a guess', () => {
  it.each(['Sec-Purpose', 'Purpose'])(
    'a page loaded on a guess is not counted as a return from sign-in (%s)',
    async (name) => {
      const { ask } = await openGuarded()
      const answer = await ask.page().set(name, 'prefetch').expect(302)
      expect(cookiesOf(answer)).toEqual({})
    },
  )
})
