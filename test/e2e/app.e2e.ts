/** The example in a real browser: every page a person meets, from signing in to what the back button shows. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type AppChoices, startApp } from '../examples/running-app.js'
import { expectAccessible, hasChromium, launch, screenshot } from './chromium.js'

const alice = 'alice@example.com'
const carol = 'carol@example.com'
const minuteMs = 60_000

/** An answer is good for a moment only, so that the next page asks the org again. */
const askEachTime = { cache: { ttlMs: 1, maxTtlMs: 1 } }

describe.skipIf(!hasChromium())('the example in Chromium', () => {
  let browser: Browser
  const cleanups: (() => Promise<void>)[] = []

  beforeAll(async () => {
    browser = await launch()
  })
  afterAll(() => browser?.close())
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0)) await cleanup()
  })

  async function start(choices: AppChoices = {}) {
    const app = await startApp(choices)
    const context = await browser.newContext({
      viewport: { width: 760, height: 780 },
      locale: 'en-GB',
      timezoneId: 'Europe/London',
    })
    cleanups.push(() => context.close(), app.close)
    const page = await context.newPage()
    return { ...app, page, faults: faultsOn(page) }
  }

  it('shows its pages to everybody who may see them', async () => {
    const { page, url, faults } = await start()
    await page.goto(url)
    await expectAccessible(page)

    await page.getByRole('link', { name: 'Sign in' }).click()
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

  it('can be used with the keyboard alone', async () => {
    const { page, url } = await start()
    await page.goto(`${url}/account`)
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

  it('asks for a second factor, and for a new one when it was given long ago', async () => {
    const { page, url, org, faults } = await start({ okta: askEachTime })
    await page.goto(`${url}/admin`)
    await signIn(page, carol)
    await page.getByLabel('Passcode').waitFor()
    await expectAccessible(page)
    await page.getByLabel('Passcode').fill(org.passCode(carol))
    await page.getByRole('button', { name: 'Verify' }).click()
    await page.waitForURL(`${url}/admin`)
    await page.getByText('more than one factor (mfa)').waitFor()
    await expectAccessible(page)
    expect(faults.splice(0)).toEqual([])

    org.clock.advance(20 * minuteMs)
    await page.reload()
    await page.getByRole('heading', { name: 'A second factor is needed' }).waitFor()
    await expectAccessible(page)
    await screenshot(page, 'step-up')

    await page.getByRole('button', { name: 'Sign in again' }).click()
    await signIn(page, carol)
    await page.getByLabel('Passcode').fill(org.passCode(carol))
    await page.getByRole('button', { name: 'Verify' }).click()
    await page.waitForURL(`${url}/admin`)
    await page.getByText('Open to you').waitFor()
  })

  it('counts down, warns, and stays signed in for as long as its reader is active', async () => {
    const { page, url, org, faults } = await start()
    await page.clock.install()
    await page.goto(`${url}/account`)
    await signIn(page, alice)
    await page.getByRole('timer').getByText('1 h 59 min').waitFor()

    // Two hours less three minutes pass, for the page and for Okta.
    org.clock.advance(117 * minuteMs)
    await page.clock.fastForward(117 * minuteMs)
    await page
      .getByRole('timer')
      .getByText(/^2 min \d+ s$/)
      .waitFor()
    const status = page.getByRole('status')
    expect(await status.textContent()).toMatch(/^Your session ends in 2 min \d+ s\./)
    await expectAccessible(page)

    await page.keyboard.press('Shift')
    await status.getByText('You stay signed in until').waitFor()
    await page.getByRole('timer').getByText('1 h 59 min').waitFor()
    expect(org.calls.refreshCurrentSession).toBe(1)

    await page.getByRole('button', { name: 'Stay signed in' }).click()
    expect(org.calls.refreshCurrentSession).toBe(1)
    expect(faults).toEqual([])
  })

  it('leads to sign-in when the session has ended under the page', async () => {
    const { page, url, org } = await start({ okta: askEachTime })
    await page.clock.install()
    await page.goto(`${url}/account`)
    await signIn(page, alice)
    await page.getByRole('timer').getByText('1 h 59 min').waitFor()
    for (const { id } of org.sessions) org.endSession(id)
    await page.keyboard.press('Shift')
    await page.waitForURL(`${org.url}/login/login.htm**`)
  })

  it('signs out by a form, and the back button shows nothing private afterwards', async () => {
    const { page, url, org, faults } = await start()
    await page.goto(`${url}/account`)
    await signIn(page, alice)
    await page.waitForURL(`${url}/account`)
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByText('You are signed out.').waitFor()
    expect(org.sessions).toEqual([])
    const cookies = await page.context().cookies()
    expect(cookies.filter(({ name }) => ['idx', 'sid', 'xids'].includes(name))).toEqual([])
    expect(faults).toEqual([])

    await page.goBack()
    await page.waitForURL(`${org.url}/login/login.htm**`)
    expect(await page.getByRole('definition').count()).toBe(0)
    expect(await page.locator('main').textContent()).not.toContain('Your account')
  })

  it('says it is Okta when Okta is down, and goes on where it was', async () => {
    const { page, url, org } = await start({ okta: askEachTime })
    await page.goto(`${url}/account`)
    await signIn(page, alice)
    await page.waitForURL(`${url}/account`)

    org.fail({ kind: 'reset' })
    const response = await page.goto(`${url}/account`)
    expect(response?.status()).toBe(503)
    await page.getByText('You are not signed out').waitFor()
    // Loading itself again is what this page is for.
    await expectAccessible(page, 'meta-refresh')

    // The page loads itself again, without anybody signing in.
    org.clearFaults()
    await page.getByRole('heading', { name: 'Your account' }).waitFor()
    expect(page.url()).toBe(`${url}/account`)
  })

  it.each([alice, carol])('signs %s in with a form of its own', async (login) => {
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
})

async function signIn(page: Page, login: string): Promise<void> {
  await page.getByLabel('Username').fill(login)
  await page.getByLabel('Password').fill('local-password')
  await page.getByRole('button', { name: 'Sign in' }).click()
}

/** What the browser complains of: a blocked script, a failed request, an exception. */
function faultsOn(page: Page): string[] {
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(message.text())
  })
  return faults
}

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
