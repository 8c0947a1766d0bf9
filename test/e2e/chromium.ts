/** The machine's Chromium, driven by playwright-core; where there is none, a word on how to get it. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium, type Page } from 'playwright-core'
import { expect } from 'vitest'

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
const missing = `There is no ${executablePath}: install Debian's package chromium, or name another Chromium in CHROMIUM.`

/** Whether the browser tests can run. Under CI a missing browser is a failure, elsewhere they are skipped. */
export function hasChromium(): boolean {
  if (existsSync(executablePath)) return true
  if (process.env.CI === 'true') throw new Error(missing)
  process.stderr.write(`Browser tests skipped. ${missing}\n`)
  return false
}

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath,
    // As in a person's browser, where going back may show a page as it was left.
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** No fault axe-core knows of, WCAG 2.2 AA and best practices, in light and in dark, but for `allowed` ones. */
export async function expectAccessible(page: Page, ...allowed: string[]): Promise<void> {
  for (const colorScheme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme })
    // Evaluated, not added to the page: its policy allows no script of ours.
    await page.evaluate(axe)
    const found: unknown = await page.evaluate(
      `axe.run().then(({ violations }) => violations.map(({ id, nodes }) => ({
        id, where: nodes.map(({ html }) => html) })))`,
    )
    expect(found, `${page.url()} in ${colorScheme}`).toEqual(
      allowed.map((id) => expect.objectContaining({ id })),
    )
  }
}

const screenshots = fileURLToPath(new URL('../../docs/screenshots/', import.meta.url))

/**
 * For the guides: the page at its own height. Taken only with SCREENSHOTS=1, so that a
 * test run leaves no trace.
 */
export async function screenshot(page: Page, name: string): Promise<void> {
  if (process.env.SCREENSHOTS !== '1') return
  mkdirSync(screenshots, { recursive: true })
  const size = page.viewportSize()
  if (size !== null) await page.setViewportSize({ ...size, height: 320 })
  await page.screenshot({ path: `${screenshots}${name}.png`, fullPage: true })
  if (size !== null) await page.setViewportSize(size)
}
