/** What every browser test begins with: the example running, and a person's window on it. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { type AppChoices, type RunningApp, startApp } from '../examples/running-app.js'
import { launch } from './chromium.js'

export const alice = 'alice@example.com'
export const carol = 'carol@example.com'
export const minuteMs = 60_000

/** An answer is good for a moment only, so that the next page calls the org again. */
export const askEachTime = { cache: { ttlMs: 1, maxTtlMs: 1 } }

export interface InBrowser extends RunningApp {
  readonly page: Page
  /** What the browser complained of: a blocked script, a failed request, an exception. */
  readonly faults: string[]
}

/** For a test file: one browser, closed at the end; an app and a window for each call, closed after each test. */
export function inBrowser(): (choices?: AppChoices) => Promise<InBrowser> {
  let browser: Browser | undefined
  const cleanups: (() => Promise<void>)[] = []

  beforeAll(async () => {
    browser = await launch()
  })
  afterAll(() => browser?.close())
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0)) await cleanup()
  })

  return async (choices = {}) => {
    if (browser === undefined) throw new Error('no browser')
    const app = await startApp(choices)
    cleanups.push(app.close)
    const context = await browser.newContext({
      viewport: { width: 760, height: 780 },
      locale: 'en-GB',
      timezoneId: 'Europe/London',
    })
    cleanups.unshift(() => context.close())
    // An answer that is good for a moment only would make the watch of an open page call the org without a pause.
    if (choices.okta === askEachTime)
      await context.route('**/session/events', (route) => route.fulfill({ status: 204 }))
    const page = await context.newPage()
    return { ...app, page, faults: faultsOn(page) }
  }
}

/** Fills the local org's form. */
export async function signIn(page: Page, login: string): Promise<void> {
  await page.getByLabel('Username').fill(login)
  await page.getByLabel('Password').fill('local-password')
  await page.getByRole('button', { name: 'Sign in' }).click()
}

export async function givePasscode(page: Page, passCode: string): Promise<void> {
  await page.getByLabel('Passcode for').fill(passCode)
  await page.getByRole('button', { name: 'Verify' }).click()
}

/** Whether a fault is the page's own: no answer that a test caused, but a script or a style that failed. */
export function isPagesOwn(fault: string): boolean {
  return !fault.startsWith('Failed to load resource')
}

function faultsOn(page: Page): string[] {
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(message.text())
  })
  return faults
}
