/** The console of the local org in a small window and in a large one, and while a form of it is half filled. */
import { createLocalOrg, type LocalOrg } from 'express-okta-session/local-org'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { expectAccessible, hasChromium, launch, screenshot } from './chromium.js'
import { alice, carol } from './in-browser.js'

describe.skipIf(!hasChromium())('the console', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launch()
  })
  afterAll(() => browser?.close())

  async function open(width: number, path = '/console'): Promise<{ org: LocalOrg; page: Page }> {
    const org = await createLocalOrg()
    onTestFinished(() => org.close())
    for (const login of [alice, carol]) org.signIn(login)
    org.fail({ kind: 'status', status: 503 }, { operation: 'refreshSession' })
    const context = await browser.newContext({ viewport: { width, height: 800 } })
    onTestFinished(() => context.close())
    const page = await context.newPage()
    await page.goto(org.url + path)
    return { org, page }
  }

  it.each([390, 1280])('fits a window of %d pixels, in light and dark', async (width) => {
    const { page } = await open(width)
    const overflow =
      await page.evaluate(`[document.documentElement, ...document.querySelectorAll('section, table, td')]
      .filter((part) => part.scrollWidth > part.clientWidth + 1).map((part) => part.outerHTML.slice(0, 80))`)
    expect(overflow).toEqual([])
    await page.getByText('503 read-only mode', { exact: true }).first().waitFor()
    await expectAccessible(page)
    await screenshot(page, width === 390 ? 'console-phone' : 'console')
  })

  it('has buttons that a thumb can hit, and labels beside the values, in a small window', async () => {
    const { org, page } = await open(390)
    const low =
      await page.evaluate(`[...document.querySelectorAll('button, select, input:not([type=hidden])')]
      .map((part) => part.getBoundingClientRect()).filter(({ height, right }) => height < 44 || right > innerWidth).length`)
    expect(low).toBe(0)
    const label = `getComputedStyle(document.querySelector('#users ~ table td:nth-child(3)'), '::before').content`
    expect(await page.evaluate(label)).toBe('"Passcode"')
    const passCode = page.getByText(org.passCode(carol), { exact: true })
    const box = await passCode.boundingBox()
    expect((box?.x ?? 0) + (box?.width ?? 999)).toBeLessThan(390)
    const size = `[...document.querySelectorAll('.plot text')].map((text) => text.getBoundingClientRect().height)`
    const heights = (await page.evaluate(size)) as number[]
    expect(Math.min(...heights)).toBeGreaterThanOrEqual(10)
  })

  it('says what an action has done, also with the keyboard alone', async () => {
    const { org, page } = await open(390)
    await page
      .getByRole('button', { name: `Suspend ${alice}` })
      .first()
      .focus()
    await page.keyboard.press('Enter')
    await page.getByRole('status').getByText(`Suspended ${alice}: one session has ended.`).waitFor()
    expect(org.sessions.map(({ login }) => login)).toEqual([carol])
    await expectAccessible(page)
  })

  it('updates itself, and leaves a half-filled form and the focus alone', async () => {
    const { org, page } = await open(1280, '/console?live')
    await page.getByLabel('Minutes to move it forward').fill('77')
    await page.getByLabel('How often').selectOption('50 times')
    await page
      .getByRole('button', { name: `Suspend ${carol}` })
      .first()
      .focus()
    org.signIn('bob@example.com')
    await page.getByText('3 in all.').waitFor()
    expect(await page.getByLabel('Minutes to move it forward').inputValue()).toBe('77')
    expect(await page.getByLabel('How often').inputValue()).toBe('50')
    const focused = "document.activeElement?.getAttribute('aria-label')"
    expect(await page.evaluate(focused)).toBe(`Suspend ${carol}`)
    await page.getByRole('button', { name: 'Advance' }).click()
    await page.getByRole('status').getByText('Moved the clock').waitFor()
    expect(new URL(page.url()).searchParams.has('live')).toBe(true)
  })
})
