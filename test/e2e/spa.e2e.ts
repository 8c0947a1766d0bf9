/** The page on another origin in a real browser, which keeps cookies and answers from pages by its own rules. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { startSpa } from '../examples/running-spa.js'
import { expectAccessible, hasChromium, launch } from './chromium.js'
import { alice, askEachTime, signIn } from './in-browser.js'

describe.skipIf(!hasChromium())('a page on another origin', () => {
  let browser: Browser
  const cleanups: (() => Promise<void>)[] = []
  beforeAll(async () => {
    browser = await launch()
  })
  afterAll(() => browser?.close())
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  })

  async function start(...choices: Parameters<typeof startSpa>) {
    const spa = await startSpa(...choices)
    cleanups.push(spa.close)
    const context = await browser.newContext()
    cleanups.push(() => context.close())
    return { ...spa, page: await context.newPage() }
  }

  it('sends to sign-in, shows the user, saves, refreshes and signs out', async () => {
    const { page, pageUrl, org, received } = await start()
    await page.goto(`${pageUrl}/`)
    await page.waitForURL(`${org.url}/login/login.htm**`)
    await signIn(page, alice)
    await page.waitForURL(`${pageUrl}/`)
    await status(page, `Signed in as ${alice}.`)
    await expectAccessible(page)

    await page.getByLabel('Note').fill('milk')
    await page.getByRole('button', { name: 'Save' }).click()
    await status(page, 'The note is saved.')
    const ofNote = received.filter(({ url }) => url === '/note')
    expect(ofNote.map(({ method }) => method)).toEqual(['OPTIONS', 'PUT'])
    await page.getByRole('button', { name: 'Stay signed in' }).click()
    await status(page, 'You stay signed in until')
    expect(org.calls.refreshCurrentSession).toBe(1)
    await page.reload()
    await status(page, `Signed in as ${alice}.`)
    expect(await page.getByLabel('Note').inputValue()).toBe('milk')

    await page.getByRole('button', { name: 'Sign out' }).click()
    await status(page, 'You are signed out.')
    expect(org.sessions).toEqual([])
    await page.getByRole('link', { name: 'Sign in' }).click()
    await page.waitForURL(`${org.url}/login/login.htm**`)
  })

  it('waits for Retry-After in an outage, and goes on without a sign-in', async () => {
    const { page, pageUrl, org } = await start(askEachTime)
    await page.goto(`${pageUrl}/`)
    await signIn(page, alice)
    await status(page, `Signed in as ${alice}.`)
    org.fail({ kind: 'reset' })
    const refused = page.waitForResponse(`**/account`)
    await page.reload()
    expect((await refused).status()).toBe(503)
    await status(page, 'You are not signed out.')
    org.clearFaults()
    await status(page, `Signed in as ${alice}.`)
    expect(page.url()).toBe(`${pageUrl}/`)
  })

  it('an origin that is not listed reads nothing, writes nothing and signs nobody out', async () => {
    const { page, pageUrl, untrustedUrl, apiUrl, org, received } = await start()
    await page.goto(`${pageUrl}/`)
    await signIn(page, alice)
    await status(page, `Signed in as ${alice}.`)

    await page.goto(`${untrustedUrl}/`)
    await status(page, 'it does not accept this origin')
    const send = (path: string, init: object) =>
      page.evaluate(
        ([url, options]) =>
          fetch(url, { credentials: 'include', ...options }).then(
            ({ type, status }) => `${type} ${status}`,
            ({ name }) => name,
          ),
        [apiUrl + path, init] as const,
      )
    expect(await send('/account', {})).toBe('TypeError')
    expect(await send('/note', { method: 'PUT', body: 'x' })).toBe('TypeError')
    expect(await send('/sign-out', { method: 'POST', mode: 'no-cors' })).toBe('opaque 0')
    // The post arrived with the user's cookie; of the PUT only the preflight did.
    const posts = received.filter(({ url }) => url === '/sign-out')
    expect(posts.map(({ headers }) => [headers.origin, headers.cookie])).toEqual([
      [untrustedUrl, expect.stringMatching(/\bidx=/)],
    ])
    expect(received.filter(({ url }) => url === '/note').map(({ method }) => method)).toEqual([
      'OPTIONS',
    ])
    expect(org.sessions).toHaveLength(1)
    await page.goto(`${pageUrl}/`)
    await status(page, `Signed in as ${alice}.`)
    expect(await page.getByLabel('Note').inputValue()).toBe('')
  })

  it('on another site the browser sends the API no cookie, and the page goes to sign-in once', async () => {
    // localhost and 127.0.0.1 are two sites.
    const { page, pageUrl, org, received } = await start({}, '127.0.0.1')
    await page.goto(`${pageUrl}/`)
    await signIn(page, alice)
    await page.waitForURL(`${pageUrl}/`)
    await status(page, 'the API did not receive your session')
    expect(await page.getByRole('link', { name: 'Sign in' }).isVisible()).toBe(true)
    expect(org.sessions).toHaveLength(1)
    const cookiesOf = (path: string) =>
      received.flatMap(({ url, headers }) => (url?.startsWith(path) ? [headers.cookie ?? ''] : []))
    expect(cookiesOf('/account')).toEqual(['', ''])
    // Before and after the sign-in. These are navigations, which bring the cookie.
    expect(cookiesOf('/sign-in')).toEqual(['', expect.stringMatching(/\bidx=/)])
  })
})

async function status(page: Page, text: string): Promise<void> {
  await page.getByRole('status').getByText(text).waitFor()
}
