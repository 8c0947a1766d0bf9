/** An outage of Okta in a real browser: the page reloads itself, less and less often, until Okta is back. */
import { describe, expect, it } from 'vitest'
import { expectAccessible, hasChromium } from './chromium.js'
import { alice, askEachTime, inBrowser, isPagesOwn, signIn } from './in-browser.js'

describe.skipIf(!hasChromium())('the page of an outage', () => {
  const start = inBrowser()

  it('reloads itself with growing pauses, and shows the account once Okta is back', async () => {
    const { page, url, org, faults } = await start({ okta: askEachTime })
    await page.goto(`${url}/account`)
    await signIn(page, alice)
    await page.waitForURL(`${url}/account`)

    org.fail({ kind: 'reset' })
    const pauses: number[] = []
    const first = await page.goto(`${url}/account`)
    expect(first?.status()).toBe(503)
    for (let loaded = 0; loaded < 3; loaded += 1) {
      const next = page.waitForResponse(`${url}/account`)
      const content = await page.locator('meta[http-equiv=refresh]').getAttribute('content')
      pauses.push(Number(content))
      await (await next).finished()
      await page.waitForLoadState()
    }
    expect(pauses).toEqual(pauses.toSorted((a, b) => a - b))
    expect(pauses.at(-1)).toBeGreaterThan(Number(pauses[0]))
    await page.getByText(/^Waiting since \d\d:\d\d:\d\d UTC, for \d+ seconds\.$/).waitFor()
    // The next reload would interrupt the check: its request waits.
    let release = () => {}
    const checked = new Promise<void>((resolve) => {
      release = resolve
    })
    await page.route(`${url}/account`, async (route) => {
      await checked
      await route.continue()
    })
    // Loading itself again is what this page is for.
    await expectAccessible(page, 'meta-refresh')

    org.clearFaults()
    release()
    await page.getByRole('heading', { name: 'Your account' }).waitFor()
    expect(page.url()).toBe(`${url}/account`)
    expect(faults.filter(isPagesOwn)).toEqual([])
  })

  it('leads to the same address again, and to the home page', async () => {
    const { page, url, org } = await start({ okta: askEachTime })
    await page.goto(`${url}/account`)
    await signIn(page, alice)
    await page.waitForURL(`${url}/account`)
    org.fail({ kind: 'rate_limit' })
    await page.goto(`${url}/account?tab=1`)
    const again = page.waitForResponse(`${url}/account?tab=1`)
    await page.getByRole('link', { name: 'Try now' }).click()
    expect((await again).status()).toBe(503)
    await page.getByRole('link', { name: 'Home page' }).click()
    await page.waitForURL(`${url}/`)
  })
})
