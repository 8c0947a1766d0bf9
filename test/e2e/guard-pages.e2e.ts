/** The package's own pages in a real browser: each state on a phone and on a desk, in light and dark, by keyboard. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import express from 'express'
import { type OktaSession, oktaSession } from 'express-okta-session'
import { createLocalOrg, type LocalOrg } from 'express-okta-session/local-org'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { expectAccessible, hasChromium, launch, screenshot } from './chromium.js'

const SIZES = [
  { name: '390 px', width: 390, height: 844 },
  { name: '1280 px', width: 1280, height: 800 },
] as const

interface Opened {
  readonly page: Page
  readonly url: string
  readonly org: LocalOrg
  /** Gives the browser a cookie of the app's host. */
  setCookie(pair: string): Promise<void>
  /** Opens the page with a form, and posts it. */
  post(path: string, fields?: string): Promise<void>
}

interface State {
  readonly open: (opened: Opened) => Promise<unknown>
  readonly heading: string
  /** By the order of the Tab key. */
  readonly links: readonly string[]
  /** The name of the picture for the document. */
  readonly picture?: string
}

const signedIn = ({ org, setCookie }: Opened) => setCookie(org.signIn('alice@example.com'))
const inOutage = async (opened: Opened) => {
  await signedIn(opened)
  opened.org.fail({ kind: 'status', status: 500 })
}
const overBudget = async ({ page, url, setCookie }: Opened) => {
  await setCookie('idx=one')
  await page.goto(`${url}/account`)
  await setCookie('idx=two')
}

const states: Readonly<Record<string, State>> = {
  'a form without a session': {
    open: ({ post }) => post('/account'),
    heading: 'Please sign in',
    links: ['Sign in', 'Go back', 'Home page'],
  },
  'a rule for a second factor': {
    open: async (opened) => {
      await signedIn(opened)
      await opened.page.goto(`${opened.url}/admin`)
    },
    heading: 'A second factor is needed',
    links: ['Sign in', 'Home page'],
  },
  'a check of the app': {
    open: async (opened) => {
      await signedIn(opened)
      await opened.page.goto(`${opened.url}/others`)
    },
    heading: 'Not allowed',
    links: ['Home page'],
    picture: 'forbidden',
  },
  'a client over its failure budget': {
    open: async (opened) => {
      await overBudget(opened)
      await opened.page.goto(`${opened.url}/account`)
    },
    heading: 'Too many attempts',
    links: ['Sign in', 'Try again', 'Home page'],
    picture: 'too-many-attempts',
  },
  'an outage': {
    open: async (opened) => {
      await inOutage(opened)
      await opened.page.goto(`${opened.url}/account`)
      // The page loads itself again, and would take the checks away: that request is dropped.
      await opened.page.route(`${opened.url}/account`, (route) => route.abort('aborted'))
    },
    heading: 'One moment, please',
    links: ['Try now', 'Home page'],
    picture: 'okta-unavailable',
  },
  'a form in an outage': {
    open: async (opened) => {
      await inOutage(opened)
      await opened.post('/account')
    },
    heading: 'One moment, please',
    links: ['Go back', 'Home page'],
  },
  'a loop of sign-ins with cookies that contradict each other': {
    open: async ({ page, url, setCookie }) => {
      await setCookie(`okta-sign-in-redirects=99.${Date.now()}`)
      // A browser keeps one cookie of a name and path.
      await page.context().addCookies([
        { name: 'idx', value: 'one', url },
        { name: 'idx', value: 'other', domain: 'localhost', path: '/account' },
      ])
      await page.goto(`${url}/account`)
    },
    heading: 'Signing in did not work',
    links: ['Sign out', 'Sign in', 'Home page'],
  },
  'a refused sign-in': {
    open: ({ post }) => post('/login', 'sessionToken=unknown'),
    heading: 'Signing in did not work',
    links: ['Go back', 'Home page'],
  },
  'the page of logout()': {
    open: ({ page, url }) => page.goto(`${url}/logout`),
    heading: 'Sign out',
    links: ['Sign out', 'Home page'],
  },
}

describe.skipIf(!hasChromium())('the pages of the package', () => {
  let browser: Browser
  const cleanups: (() => Promise<unknown>)[] = []
  beforeAll(async () => {
    browser = await launch()
  })
  afterAll(() => browser.close())
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0)) await cleanup()
  })

  async function open({ width, height }: (typeof SIZES)[number]): Promise<Opened> {
    const org = await createLocalOrg()
    const okta = oktaSession({
      orgUrl: org.url,
      logger: false,
      upstream: { failedLookupsPerClient: { perSecond: 0.01, burst: 1 } },
    })
    const url = await serve(okta, cleanups)
    const context = await browser.newContext({ viewport: { width, height }, locale: 'en-GB' })
    cleanups.push(
      () => context.close(),
      () => okta.close(),
      () => org.close(),
    )
    const page = await context.newPage()
    return { page, url, org, ...visitsOf(context, page, url) }
  }

  describe.each(SIZES)('at $name', (size) => {
    it.each(Object.entries(states))(
      'the page of %s is accessible, by keyboard as well, and fits',
      async (name, { open: visit, heading, links, picture }) => {
        const opened = await open(size)
        const { page } = opened
        const blocked: string[] = []
        page.on('console', (message) => {
          if (/Content Security Policy/.test(message.text())) blocked.push(message.text())
        })
        await visit(opened)
        expect(await page.locator('h1').textContent()).toBe(heading)
        await expectAccessible(page, ...(name === 'an outage' ? ['meta-refresh'] : []))
        for (const colorScheme of ['dark', 'light'] as const) {
          await page.emulateMedia({ colorScheme })
          await expectToFit(page)
          const [background, text] = await colours(page)
          expect(background !== text, `${background} on ${text}`).toBe(true)
        }
        await expectKeyboard(page, links)
        expect(blocked).toEqual([])
        if (picture !== undefined) await takePictures(page, size, picture)
      },
    )
  })

  it('the colours follow the browser’s', async () => {
    const { page, url } = await open(SIZES[0])
    await page.goto(`${url}/logout`)
    await page.emulateMedia({ colorScheme: 'light' })
    const light = await colours(page)
    await page.emulateMedia({ colorScheme: 'dark' })
    expect(await colours(page)).not.toEqual(light)
  })

  it('the links lead to sign-in, home, and back to the form', async () => {
    const opened = await open(SIZES[1])
    const { page, url, org } = opened
    await overBudget(opened)
    await page.goto(`${url}/account`)
    await page.getByRole('link', { name: 'Sign in' }).click()
    await page.waitForURL(`${org.url}/login/login.htm**`)
    await page.goBack()
    await page.getByRole('link', { name: 'Home page' }).click()
    await page.waitForURL(`${url}/`)
    await opened.post('/account')
    await page.getByRole('link', { name: 'Go back' }).click()
    await page.waitForURL(`${url}/form?to=/account`)
  })
})

async function serve(okta: OktaSession, cleanups: (() => Promise<unknown>)[]): Promise<string> {
  const app = express()
  app.get('/', (_req, res) => void res.send('<h1>Home</h1>'))
  app.get('/form', (_req, res) => void res.send('<form method="post"><input name="token"></form>'))
  app.all('/account', okta.requireSession())
  app.all('/admin', okta.requireSession({ mfa: true }))
  app.all('/others', okta.requireSession({ allow: () => false }))
  app.all('/login', okta.login())
  app.all('/logout', okta.logout())
  const server = createServer(app).listen(0, '127.0.0.1')
  cleanups.push(async () => {
    server.close()
    server.closeAllConnections()
  })
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return `http://localhost:${address.port}`
}

function visitsOf(context: BrowserContext, page: Page, url: string) {
  return {
    async setCookie(pair: string) {
      const [name = '', value = ''] = pair.split(/=(.*)/s)
      await context.addCookies([{ name, value, url }])
    },
    async post(path: string, fields = '') {
      await page.goto(`${url}/form?to=${path}`)
      const [name = '', value = ''] = fields.split('=')
      const sent = page.waitForResponse((response) => response.request().method() === 'POST')
      await page.evaluate(`(() => {
        const form = document.forms[0]
        form.action = ${JSON.stringify(path)}
        form.elements[0].name = ${JSON.stringify(name || 'token')}
        form.elements[0].value = ${JSON.stringify(value)}
        form.submit()
      })()`)
      await (await sent).finished()
      await page.waitForLoadState()
    },
  }
}

/** No part of the page is beyond the window's edge. */
async function expectToFit(page: Page): Promise<void> {
  const beyond = await page.evaluate(`(() => {
    const { scrollWidth, clientWidth } = document.documentElement
    const wide = [...document.querySelectorAll('main *')].filter((element) => {
      const { left, right } = element.getBoundingClientRect()
      return left < 0 || right > clientWidth
    })
    return [scrollWidth - clientWidth, wide.map((element) => element.outerHTML)]
  })()`)
  expect(beyond).toEqual([0, []])
}

/** Tab reaches each link in its order, and each shows that it is reached. */
async function expectKeyboard(page: Page, links: readonly string[]): Promise<void> {
  const reached: unknown[] = []
  for (const _link of links) {
    await page.keyboard.press('Tab')
    reached.push(
      await page.evaluate(`(() => {
        const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement)
        return [document.activeElement.textContent, outlineStyle, outlineWidth]
      })()`),
    )
  }
  expect(reached).toEqual(links.map((text) => [text, 'solid', '3px']))
}

async function colours(page: Page): Promise<readonly [background: string, text: string]> {
  const [background, text] = (await page.evaluate(`(() => {
    const { backgroundColor, color } = getComputedStyle(document.documentElement)
    return [backgroundColor, color]
  })()`)) as [string, string]
  return [background, text]
}

/** On a desk in light colours; that of an outage on a phone in dark ones, too. */
async function takePictures(page: Page, { width }: (typeof SIZES)[number], picture: string) {
  const isPhone = width < 600
  if (isPhone && picture !== 'okta-unavailable') return
  await page.emulateMedia({ colorScheme: isPhone ? 'dark' : 'light' })
  await page.locator('h1').click()
  if (!isPhone) await page.setViewportSize({ width: 760, height: 400 })
  await screenshot(page, `guard-page-${picture}${isPhone ? '-phone-dark' : ''}`)
}
