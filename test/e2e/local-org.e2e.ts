/** The local org's own pages in a real browser: the console that steers it, beside the app that feels it. */
import { describe, expect, it } from 'vitest'
import { expectAccessible, hasChromium, screenshot } from './chromium.js'
import { alice, askEachTime, carol, givePasscode, inBrowser, signIn } from './in-browser.js'

describe.skipIf(!hasChromium())('the console', () => {
  const start = inBrowser()

  it('the console revokes a session, and the app redirects to sign-in', async () => {
    const { page, url, org, faults } = await start({ okta: askEachTime })
    await page.goto(`${url}/account`)
    await signIn(page, alice)
    await page.waitForURL(`${url}/account`)
    org.signIn(carol)

    const console = await page.context().newPage()
    await console.goto(org.url)
    expect(new URL(console.url()).pathname).toBe('/console')
    await console.setViewportSize({ width: 1200, height: 780 })
    await expectAccessible(console)
    await screenshot(console, 'console')
    await console.getByRole('button', { name: new RegExp(`^Revoke .* of ${alice}$`) }).click()
    await console.getByText('1 in all.').waitFor()
    expect(org.sessions.map(({ login }) => login)).toEqual([carol])
    expect(faults).toEqual([])

    await page.reload()
    await page.waitForURL(`${org.url}/login/login.htm**`)
  })

  it('the console switches a fault on and off, and the app answers accordingly', async () => {
    const { page, url, org } = await start({ okta: askEachTime })
    await page.goto(`${url}/account`)
    await signIn(page, alice)
    await page.waitForURL(`${url}/account`)

    const console = await page.context().newPage()
    await console.goto(`${org.url}/console`)
    await console.getByLabel('Fault', { exact: true }).selectOption('503 read-only mode')
    await console.getByLabel('How often').selectOption('until stopped')
    await console.getByRole('button', { name: 'Switch on' }).click()
    const stop = console.getByRole('button', { name: /^Stop fault/ })
    await stop.waitFor()
    await expectAccessible(console)
    expect((await page.goto(`${url}/account`))?.status()).toBe(503)

    await stop.click()
    await console.getByText('None is switched on.').waitFor()
    await page.getByRole('heading', { name: 'Your account' }).waitFor()
  })

  it('the console shows the passcode that makes a session stronger', async () => {
    const { page, org } = await start()
    await page.goto(`${org.url}/login/login.htm`)
    await signIn(page, carol)
    await page.getByLabel('Passcode for').waitFor()
    const shown = await page.locator('#shown').textContent()
    await givePasscode(page, shown ?? '')
    await page.getByRole('heading', { name: 'Signed in' }).waitFor()
    expect(org.sessions).toMatchObject([{ login: carol, amr: ['pwd', 'otp', 'mfa'] }])
    await expectAccessible(page)
  })
})
