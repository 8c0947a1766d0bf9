/** The Next example in a real browser: links that Next's router follows, sign-in and sign-out. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasChromium, launch } from './chromium.js'
import { alice, signIn } from './in-browser.js'

describe.skipIf(!hasChromium())('the Next example', () => {
  let child: ChildProcess
  let browser: Browser
  let origin = ''
  beforeAll(async () => {
    const server = fileURLToPath(new URL('../../examples/next/server.js', import.meta.url))
    child = spawn(process.execPath, [server], {
      env: { PATH: process.env.PATH, HOME: process.env.HOME, PORT: '0' },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    if (child.stdout === null) throw new Error('no output')
    for await (const line of createInterface({ input: child.stdout })) {
      origin = /^(http:\S+)\/account /.exec(line)?.[1] ?? ''
      if (origin !== '') break
    }
    browser = await launch()
  }, 120_000)
  afterAll(async () => {
    await browser?.close()
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  })

  it('a link to a guarded page leads to sign-in and back, and to sign-in again after sign-out', async () => {
    const page = await browser.newPage()
    await page.goto(origin)
    const answers: string[] = []
    page.on('response', (response) => {
      if (new URL(response.url()).pathname !== '/account') return
      answers.push(`${response.status()} ${response.request().resourceType()}`)
    })
    await page.getByRole('link', { name: 'Account' }).click()
    await page.waitForURL(/\/login\/login\.htm/)
    expect(answers).toEqual(['401 fetch', '302 document'])
    await signIn(page, alice)
    await page.getByText('Signed in as alice@example.com').waitFor()
    expect(page.url()).toBe(`${origin}/account`)

    await page.goto(origin)
    answers.length = 0
    await page.getByRole('link', { name: 'Account' }).click()
    await page.getByText('Signed in as alice@example.com').waitFor()
    expect(new Set(answers)).toEqual(new Set(['200 fetch']))

    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.waitForURL(`${origin}/`)
    await page.getByRole('link', { name: 'Account' }).click()
    await page.waitForURL(/\/login\/login\.htm/)
  })
})
