/** What the example shows of the first experiments, in a real browser: it has to be true, and plain. */
import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { localPushSettings } from '../../examples/app/pushes.js'
import { deferred } from '../front-door/deferred.js'
import { expectAccessible, hasChromium, screenshot } from './chromium.js'
import {
  alice,
  carol,
  givePasscode,
  inBrowser,
  isPagesOwn,
  minuteMs,
  signIn,
} from './in-browser.js'

const { OKTA_HOOK_SECRET } = localPushSettings()

describe.skipIf(!hasChromium())('the example app', () => {
  const start = inBrowser()

  /** The account page, signed in. */
  async function openAccount(page: Page, url: string, login = alice) {
    await page.goto(`${url}/account`)
    await signIn(page, login)
    await page.getByRole('heading', { name: 'Your account' }).waitFor()
  }

  it('without a hook, says why a revoked session still shows, and for how long', async () => {
    const { page, url, org, faults } = await start()
    await page.clock.install()
    await openAccount(page, url)
    for (const { id } of org.sessions) org.endSession(id)
    await page.reload()
    await page.getByRole('heading', { name: 'Your account' }).waitFor()
    await page.getByText('still shows here until Okta is asked again').waitFor()
    await page.getByText(/It is asked again in \d+ s, at the next request/).waitFor()
    await page.clock.fastForward(61_000)
    await page.getByText('The next request asks it again.').waitFor()
    expect(faults.filter(isPagesOwn)).toEqual([])
  })

  it('with a hook, says that a revocation shows at once, and it does', async () => {
    const { page, url, org } = await start({ pushes: { OKTA_HOOK_SECRET } })
    const listening = page.waitForResponse(`${url}/session/events`)
    await openAccount(page, url)
    await listening
    await page.getByText('this page says so at once').waitFor()
    for (const { id } of org.sessions) org.endSession(id)
    await page.getByRole('alert').getByText('Your session has ended').waitFor()
  })

  it('a refresh asks Okta, and the countdown to the next question begins again', async () => {
    const { page, url } = await start()
    await page.clock.install()
    await openAccount(page, url)
    await page.getByText(/asked again in \d+ s/).waitFor()
    await page.clock.fastForward(40_000)
    await page.getByText(/asked again in (?:1\d|20) s/).waitFor()
    await page.getByRole('button', { name: 'Stay signed in' }).click()
    await page.getByText(/asked again in (?:59 s|1 min 0 s)/).waitFor()
  })

  it('one click is one post', async () => {
    const { page, url, org } = await start()
    await openAccount(page, url)
    const posts: string[] = []
    page.on('request', (request) => {
      if (request.method() === 'POST') posts.push(new URL(request.url()).pathname)
    })
    await page.getByRole('button', { name: 'Stay signed in' }).dblclick()
    await page.getByRole('status').getByText('You stay signed in until').waitFor()
    expect(posts).toEqual(['/session/refresh'])
    expect(org.calls.refreshCurrentSession).toBe(1)

    // The answer waits for the second click.
    const clicked = deferred()
    await page.exposeFunction('clickedTwice', clicked.resolve)
    await page.route('**/sign-out', async (route) => {
      await clicked.promise
      await route.continue()
    })
    await page.evaluate(`
      const button = document.querySelector('.who button')
      button.click()
      setTimeout(() => {
        button.click()
        clickedTwice()
      }, 50)`)
    await page.getByText('You are signed out.').waitFor()
    expect(posts).toEqual(['/session/refresh', '/sign-out'])
  })

  it('buttons work again on a page that the back button shows', async () => {
    const { page, url } = await start()
    await page.goto(url)
    await page.route('**/theme', (route) => route.abort('aborted'))
    const dark = page.getByRole('button', { name: 'dark' })
    await dark.click()
    await expect.poll(() => dark.isDisabled()).toBe(true)
    // As Chromium says of a page that it has kept.
    await page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    expect(await dark.isDisabled()).toBe(false)
    await page.unroute('**/theme')
    await dark.click()
    await page.locator('html[data-theme=dark]').waitFor()
  })

  it('the time left is in seconds in the last five minutes, and its warning looks like one', async () => {
    const { page, url, org } = await start()
    await page.clock.install()
    await openAccount(page, url)
    await page.getByRole('timer').getByText('1 h 59 min').waitFor()
    org.clock.advance(116 * minuteMs)
    await page.clock.fastForward(116 * minuteMs)
    await page
      .getByRole('timer')
      .getByText(/^3 min \d+ s$/)
      .waitFor()
    const warning = page.getByRole('alert').getByText('Your session ends in')
    await warning.waitFor()
    const icon = "getComputedStyle(document.getElementById('session-warning'), '::before').content"
    expect(await page.evaluate(icon)).toContain('⚠')
    await expectAccessible(page)
  })

  it('a clock that was moved in the console is explained', async () => {
    const { page, url, org } = await start()
    await openAccount(page, url)
    expect(await page.locator('#clock').textContent()).toBe('')
    org.clock.advance(60 * minuteMs)
    await page.getByRole('button', { name: 'Stay signed in' }).click()
    await page.getByText(/Okta’s clock is 1 h 0 min ahead of this app’s/).waitFor()
    await expectAccessible(page)
  })

  it.each([alice, carol])(
    'step-up leads %s to the org, and back to the page asked for',
    async (login) => {
      const { page, url, org, faults } = await start({ stepUpAtOrg: true })
      await page.goto(`${url}/account`)
      await signIn(page, login)
      if (login === carol) await givePasscode(page, org.passCode(carol))
      await page.getByRole('heading', { name: 'Your account' }).waitFor()
      const [before] = org.sessions
      // Alice has no second factor, and Carol's was too long ago.
      org.clock.advance(20 * minuteMs)
      await page.goto(`${url}/stepped-up?to=/admin`)
      await page.getByRole('heading', { name: 'A second factor is needed' }).waitFor()
      await expectAccessible(page)
      await page.getByRole('link', { name: 'Give a passcode' }).click()
      await page.getByLabel('Passcode for').waitFor()
      await givePasscode(page, org.passCode(login))
      await page.waitForURL(`${url}/admin`)
      await page.getByText('which your session has').waitFor()
      expect(org.sessions.map(({ id }) => id)).toEqual([before?.id])
      expect(faults.filter(isPagesOwn)).toEqual([])
    },
  )

  it.each(['/', '/admin', '/account'])('a second tab on %s changes at sign-out', async (path) => {
    const { page, url, org } = await start({ stepUpAtOrg: true })
    await page.goto(`${url}/account`)
    await signIn(page, carol)
    await givePasscode(page, org.passCode(carol))
    await page.getByRole('heading', { name: 'Your account' }).waitFor()
    const other = await page.context().newPage()
    await other.goto(`${url}${path}`)
    await other.getByText(carol).first().waitFor()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByText('You are signed out.').waitFor()
    await other
      .getByRole('link', { name: /^Sign in/ })
      .first()
      .waitFor()
    expect(await other.locator('body').textContent()).not.toContain(carol)
    await expectAccessible(other)
  })

  it.each([390, 1280])('fits a window of %d pixels', async (width) => {
    const { page, url, org } = await start({ stepUpAtOrg: true, pushes: { OKTA_HOOK_SECRET } })
    await page.setViewportSize({ width, height: 800 })
    await openAccount(page, url)
    for (const path of ['/', '/account', '/admin']) {
      await page.goto(`${url}${path}`)
      const overflow = await page.evaluate(
        'document.documentElement.scrollWidth - document.documentElement.clientWidth',
      )
      expect([path, overflow]).toEqual([path, 0])
      await expectAccessible(page)
    }
    await page.goto(`${url}/account`)
    await screenshot(page, `account-${width}`)
    expect(org.sessions).toHaveLength(1)
  })
})
