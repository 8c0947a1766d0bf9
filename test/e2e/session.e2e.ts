/** A session's life in a real browser: how it goes on, how it ends, and what is left when it has. */
import { describe, expect, it } from 'vitest'
import { expectAccessible, hasChromium, screenshot } from './chromium.js'
import { alice, askEachTime, inBrowser, isPagesOwn, minuteMs, signIn } from './in-browser.js'

describe.skipIf(!hasChromium())('a session', () => {
  const start = inBrowser()

  it('the page counts a session down, and extends it while its user is active', async () => {
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
    expect(await page.getByRole('alert').textContent()).toMatch(
      /^Your session ends in 2 min \d+ s\./,
    )
    await expectAccessible(page)

    await page.keyboard.press('Shift')
    await status.getByText('You stay signed in until').waitFor()
    await page.getByRole('timer').getByText('1 h 59 min').waitFor()
    expect(org.calls.refreshCurrentSession).toBe(1)

    await page.getByRole('button', { name: 'Stay signed in' }).click()
    expect(org.calls.refreshCurrentSession).toBe(1)
    expect(faults).toEqual([])
  })

  it('a session that has ended under the page leads to sign-in', async () => {
    const { page, url, org } = await start({ okta: askEachTime })
    await page.clock.install()
    await page.goto(`${url}/account`)
    await signIn(page, alice)
    await page.getByRole('timer').getByText('1 h 59 min').waitFor()
    for (const { id } of org.sessions) org.endSession(id)
    await page.keyboard.press('Shift')
    await page.waitForURL(`${org.url}/login/login.htm**`)
  })

  it('a form signs out, and the back button shows nothing private afterwards', async () => {
    const { page, url, org, faults } = await start()
    await page.goto(`${url}/account`)
    await signIn(page, alice)
    await page.waitForURL(`${url}/account`)
    const posted = page.waitForRequest(`${url}/sign-out`)
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByText('You are signed out.').waitFor()
    // What helmet's referrer policy makes of a form: there is no origin to go by.
    const sent = await (await posted).allHeaders()
    expect(sent).toMatchObject({ origin: 'null', 'sec-fetch-site': 'same-origin' })
    expect(org.sessions).toEqual([])
    const cookies = await page.context().cookies()
    expect(cookies.filter(({ name }) => ['idx', 'sid', 'xids'].includes(name))).toEqual([])
    expect(faults).toEqual([])

    await page.goBack()
    await page.waitForURL(`${org.url}/login/login.htm**`)
    expect(await page.getByRole('definition').count()).toBe(0)
    expect(await page.locator('main').textContent()).not.toContain('Your account')
  })

  it('the address of the sign-out opened by hand is a page whose button signs out', async () => {
    const { page, url, org, faults } = await start()
    await page.goto(`${url}/account`)
    await signIn(page, alice)
    await page.waitForURL(`${url}/account`)
    // Back to a guarded page: the redirect behind the form leads on to the org.
    await page.goto(`${url}/sign-out?returnTo=/account`)
    await expectAccessible(page)
    expect(org.sessions).toHaveLength(1)
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.waitForURL(`${org.url}/login/login.htm**`)
    expect(org.sessions).toEqual([])
    expect(faults.filter(isPagesOwn)).toEqual([])
  })

  it('a session outlives an outage of Okta', async () => {
    const { page, url, org, faults } = await start({ okta: askEachTime })
    await page.goto(`${url}/account`)
    await signIn(page, alice)
    await page.waitForURL(`${url}/account`)
    const signedIn = org.sessions
    const before = await page.context().cookies()

    org.fail({ kind: 'reset' })
    const response = await page.goto(`${url}/account`)
    // The page loads itself again after a second, and would take the checks away: that request is dropped, and the
    // page stays. A request that waits would hold up the checks themselves.
    await page.route(`${url}/account`, (route) => route.abort('aborted'))
    expect(response?.status()).toBe(503)
    await page.getByText('You are not signed out').waitFor()
    const after = await page.context().cookies()
    expect(after.filter(({ name }) => name !== 'okta-unavailable-since')).toEqual(before)
    // Loading itself again is what this page is for.
    await expectAccessible(page, 'meta-refresh')
    await screenshot(page, 'okta-down')
    expect(faults.filter(isPagesOwn)).toEqual([])

    // Opened once more, the page loads itself again, without anybody signing in.
    await page.unroute(`${url}/account`)
    await page.goto(`${url}/account`)
    await page.getByText('You are not signed out').waitFor()
    org.clearFaults()
    await page.getByRole('heading', { name: 'Your account' }).waitFor()
    expect(page.url()).toBe(`${url}/account`)
    expect(org.sessions).toEqual(signedIn)
  })
})
