/** What Okta pushes, in a real browser: a button of the console ends the session of a page that is open elsewhere. */
import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { localPushSettings } from '../../examples/app/pushes.js'
import { expectAccessible, hasChromium, screenshot } from './chromium.js'
import { alice, inBrowser, isPagesOwn, signIn } from './in-browser.js'

const all = localPushSettings()
const { OKTA_HOOK_SECRET, ...signals } = all

describe.skipIf(!hasChromium())('an open page', () => {
  const start = inBrowser()

  /** The account page, signed in, once it listens. */
  async function openAccount(page: Page, url: string) {
    await page.goto(`${url}/account`)
    const listening = page.waitForResponse(`${url}/session/events`)
    await signIn(page, alice)
    expect((await listening).status()).toBe(200)
  }

  it.each([
    ['Revoke', 'the hook', { OKTA_HOOK_SECRET }],
    ['Suspend', 'the hook', { OKTA_HOOK_SECRET }],
    ['End everywhere', 'the hook', { OKTA_HOOK_SECRET }],
    ['Suspend', 'signals', signals],
    ['End everywhere', 'signals', signals],
    ['End everywhere', 'hook and signals', all],
  ])(
    'an open page says that %s in the console ended its session, by %s',
    async (button, _by, pushes) => {
      const { page, url, org, faults } = await start({ pushes })
      await openAccount(page, url)
      const console = await page.context().newPage()
      await console.goto(`${org.url}/console`)
      const name = new RegExp(`^${button} .*${alice}`)
      await console.getByRole('button', { name }).first().click()

      const warning = page.getByRole('alert')
      await warning.getByText('Your session has ended: an administrator ended it').waitFor()
      expect(page.url()).toBe(`${url}/account`)
      expect(await page.getByRole('button', { name: 'Stay signed in' }).isVisible()).toBe(false)
      expect(faults.filter(isPagesOwn)).toEqual([])
    },
  )

  it('an open page that has said so stays as it is, and its link leads to sign-in and back', async () => {
    const { page, url, org } = await start({ pushes: all })
    await openAccount(page, url)
    for (const { id } of org.sessions) org.endSession(id)
    const link = page.getByRole('alert').getByRole('link', { name: 'Sign in again' })
    await link.waitFor()
    await expectAccessible(page)
    await screenshot(page, 'session-ended')
    await page.getByRole('heading', { name: 'Your account' }).click()
    expect(page.url()).toBe(`${url}/account`)

    await link.click()
    await page.waitForURL(`${org.url}/login/login.htm**`)
    await signIn(page, alice)
    await page.waitForURL(`${url}/account`)
    expect(org.sessions).toHaveLength(1)
  })

  it('an open page says that its user has signed out in another tab', async () => {
    const { page, url, faults } = await start()
    await openAccount(page, url)
    const other = await page.context().newPage()
    await other.goto(`${url}/account`)
    await other.getByRole('button', { name: 'Sign out' }).click()
    await other.getByText('You are signed out.').waitFor()
    await page.getByRole('alert').getByText('You have signed out in another tab.').waitFor()
    expect(faults.filter(isPagesOwn)).toEqual([])
  })

  it('an open page listens again after its connection broke', async () => {
    const { page, url, org } = await start({ pushes: all })
    await page.route('**/session/events', (route) => route.fulfill({ status: 502 }), { times: 1 })
    await page.clock.install()
    await page.goto(`${url}/account`)
    const refused = page.waitForResponse(`${url}/session/events`)
    await signIn(page, alice)
    expect((await refused).status()).toBe(502)
    await page.getByRole('timer').getByText('1 h 59 min').waitFor()

    const listening = page.waitForResponse(`${url}/session/events`)
    await page.clock.runFor(10_000)
    expect((await listening).status()).toBe(200)
    for (const { id } of org.sessions) org.endSession(id)
    await page.getByRole('alert').getByText('Your session has ended').waitFor()
  })

  it('the account page works without scripts as before', async () => {
    const { page, url, org } = await start({ pushes: all })
    const context = await page.context().browser()?.newContext({ javaScriptEnabled: false })
    const plain = await context?.newPage()
    if (context === undefined || plain === undefined) throw new Error('no browser')
    await context.addCookies([cookieFor(url, org.signIn(alice))])
    await plain.goto(`${url}/account`)
    await plain.getByRole('heading', { name: 'Your account' }).waitFor()
    expect(await plain.getByRole('status').textContent()).toBe('')
    await plain.getByRole('button', { name: 'Sign out' }).click()
    await plain.getByText('You are signed out.').waitFor()
    await context.close()
  })
})

function cookieFor(url: string, pair: string) {
  const [name = '', value = ''] = pair.split('=')
  return { name, value, url }
}
