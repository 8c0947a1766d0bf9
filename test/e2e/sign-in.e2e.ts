/** Ways in, in a real browser: a password, a second factor, a form of the app's own, and a way that leads nowhere. */
import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { expectAccessible, hasChromium, screenshot } from './chromium.js'
import {
  alice,
  askEachTime,
  carol,
  givePasscode,
  inBrowser,
  isPagesOwn,
  minuteMs,
  signIn,
} from './in-browser.js'

describe.skipIf(!hasChromium())('signing in', () => {
  const start = inBrowser()

  it('signing in leads from a guarded page to the org and back', async () => {
    const { page, url, org, faults } = await start()
    await page.goto(url)
    await expectAccessible(page)

    await page.getByRole('link', { name: 'Sign in' }).click()
    expect(new URL(page.url()).origin).toBe(org.url)
    await expectAccessible(page)
    await screenshot(page, 'sign-in')
    await signIn(page, alice)
    await page.waitForURL(`${url}/account`)
    await page.getByRole('timer').getByText('1 h 59 min').waitFor()
    expect(await page.getByRole('definition').allTextContents()).toContain(alice)
    await expectAccessible(page)
    await screenshot(page, 'account')

    await page.getByRole('button', { name: 'dark' }).click()
    await page.waitForURL(`${url}/account`)
    await page.getByRole('timer').getByText('1 h 59 min').waitFor()
    await expectAccessible(page)
    await screenshot(page, 'account-dark')
    expect(faults).toEqual([])
  })

  it('signing in and out works with the keyboard alone', async () => {
    const { page, url } = await start()
    await page.goto(`${url}/account`)
    // The browser moves the focus after the page has loaded: the first key must not come before it.
    await page.locator('input[name="username"]:focus').waitFor()
    await page.keyboard.type(alice)
    await page.keyboard.press('Tab')
    await page.keyboard.type('local-password')
    await page.keyboard.press('Enter')
    await page.waitForURL(`${url}/account`)

    await page.keyboard.press('Tab')
    expect(await focused(page)).toBe('Skip to the content')
    await tabTo(page, 'Sign out')
    await page.keyboard.press('Enter')
    await page.getByText('You are signed out').waitFor()
  })

  it('signing in requires a second factor, and for a new one when it was given long ago', async () => {
    const { page, url, org, faults } = await start({ okta: askEachTime })
    await page.goto(`${url}/admin`)
    await signIn(page, carol)
    await page.getByLabel('Passcode for').waitFor()
    await expectAccessible(page)
    await givePasscode(page, org.passCode(carol))
    await page.waitForURL(`${url}/admin`)
    await page.getByText('more than one factor (mfa)').waitFor()
    await expectAccessible(page)
    expect(faults.splice(0)).toEqual([])

    org.clock.advance(20 * minuteMs)
    const refused = await page.reload()
    expect(refused?.status()).toBe(403)
    await page.getByRole('heading', { name: 'A second factor is needed' }).waitFor()
    await expectAccessible(page)
    await screenshot(page, 'step-up')

    await page.getByRole('button', { name: 'Sign in again' }).click()
    await signIn(page, carol)
    await givePasscode(page, org.passCode(carol))
    await page.waitForURL(`${url}/admin`)
    await page.getByText('which your session has').waitFor()
  })

  it.each([alice, carol])('signing in works for %s with a form of the app’s own', async (login) => {
    const { page, url, org, faults } = await start({ ownForm: true })
    await page.goto(`${url}/account`)
    await expectAccessible(page)
    await page.getByLabel('User name').fill(login)
    await page.getByLabel('Password').fill('wrong')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('The user name or the password is wrong.').waitFor()
    await expectAccessible(page)
    expect(faults.splice(0)).toHaveLength(1)

    const sent = page.waitForRequest((request) => request.url() === `${url}/sign-in`)
    await page.getByLabel('Password').fill('local-password')
    await page.getByRole('button', { name: 'Sign in' }).click()
    if (login === carol) {
      await page.getByLabel('Code from your authenticator app').fill(org.passCode(carol))
      await page.getByRole('button', { name: 'Continue' }).click()
    }
    expect((await sent).postData()).not.toContain('local-password')
    await page.waitForURL(`${url}/account`)
    await page.getByRole('timer').getByText('1 h 59 min').waitFor()
    expect(faults).toEqual([])
  })

  it('ten tabs opened at once all lead to sign-in', async () => {
    const { page, url, org } = await start()
    await page.goto(url)
    const tabs = await Promise.all(Array.from({ length: 10 }, () => page.context().newPage()))
    await Promise.all(tabs.map((tab) => tab.goto(`${url}/account`)))
    for (const tab of tabs) expect(tab.url()).toContain(`${org.url}/login/login.htm`)
  })

  it('a failing sign-in says why, instead of redirecting in a circle', async () => {
    // The org's cookie is one this app does not read: the org sees a session, the app never does.
    const { page, url, org, faults } = await start({ okta: { cookies: ['sid'] } })
    await page.goto(`${url}/account`)
    await signIn(page, alice)
    await page.getByRole('heading', { name: 'Signing in did not work' }).waitFor()
    expect(page.url()).toBe(`${url}/account`)
    expect(await page.getByRole('link', { name: 'Sign in' }).getAttribute('href')).toContain(
      org.url,
    )
    await expectAccessible(page)
    expect(faults.filter(isPagesOwn)).toEqual([])
  })
})

async function focused(page: Page): Promise<string> {
  return String(await page.evaluate('document.activeElement.textContent'))
}

async function tabTo(page: Page, name: string): Promise<void> {
  for (let presses = 0; presses < 20; presses += 1) {
    if ((await focused(page)) === name) return
    await page.keyboard.press('Tab')
  }
  throw new Error(`no way to ${name} with the Tab key`)
}
