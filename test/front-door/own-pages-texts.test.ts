/** What an app makes of the pages with `pages.texts` and `pages.render`, and what it cannot break with them. */
import { createHash } from 'node:crypto'
import express from 'express'
import type { GuardPage, OktaSessionOptions, PageTexts } from 'express-okta-session'
import request from 'supertest'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { api, cookiesOf, page, serve, startParts } from './door.js'
import { seen } from './guard-page.js'

type Pages = NonNullable<OktaSessionOptions['pages']>

async function open(pages: object) {
  const warn = vi.fn()
  // Hostile values are no options that the compiler would take.
  const parts = await startParts({ okta: { pages: pages as Pages, logger: { warn } } })
  const { okta, org } = parts
  const app = express()
  app.use('/admin', okta.requireSession({ mfa: true }))
  app.get('/auth', okta.forwardAuth({ rule: { mfa: true }, redirect: true }))
  app.all('/logout', okta.logout())
  const url = await serve(app)
  const headers = { ...page, Cookie: org.signIn('alice@example.com') }
  const visit = (path = '/admin', more: object = {}) =>
    request(url)
      .get(path)
      .set({ ...headers, ...more })
  return {
    ...parts,
    url,
    headers,
    visit,
    warn,
    lines: () => warn.mock.calls.map((line) => JSON.stringify(line)),
  }
}

describe('pages.texts', () => {
  it('pages.texts replaces the texts it gives, in the language of the request, and leaves the others', async () => {
    const { visit } = await open({
      texts: (_page: GuardPage, req: express.Request): PageTexts | undefined =>
        req.acceptsLanguages('en', 'de') === 'de'
          ? { lang: 'de', title: 'Zweiter Faktor', links: { sign_in: 'Anmelden' } }
          : undefined,
    })
    const german = seen(await visit('/admin', { 'Accept-Language': 'de' }).expect(403))
    const english = seen(await visit('/admin', { 'Accept-Language': 'en' }).expect(403))
    expect(english).toMatchObject({ lang: 'en', title: 'A second factor is needed' })
    expect(german).toEqual({
      ...english,
      lang: 'de',
      title: 'Zweiter Faktor',
      heading: 'Zweiter Faktor',
      links: [
        ['Anmelden', english.links[0]?.[1]],
        ['Home page', '/'],
      ],
    })
  })

  it('pages.texts gets the facts of the page, frozen, and no secret', async () => {
    const given: GuardPage[] = []
    const { org, visit, headers } = await open({
      texts: (page: GuardPage) => void given.push(page),
    })
    org.fail({ kind: 'rate_limit' })
    await visit('/admin', { Cookie: 'idx=secret-value' }).expect(503)
    const [outage] = given
    expect(outage).toEqual({
      status: 503,
      code: 'okta_unavailable',
      reason: 'rate_limited',
      isForm: false,
      lang: 'en',
      title: 'One moment, please',
      message: expect.stringContaining('Okta limits how often'),
      advice: expect.stringContaining('tries again by itself'),
      waiting: expect.stringContaining('Waiting since'),
      links: [
        { kind: 'try_again', href: '', text: 'Try now', method: 'get' },
        { kind: 'home', href: '/', text: 'Home page', method: 'get' },
      ],
      retryAfterMs: expect.any(Number),
      reloadMs: expect.any(Number),
      waitingSince: expect.any(Number),
      waitingMs: 0,
    })
    for (const part of [outage, outage?.links, outage?.links[0]])
      expect(Object.isFrozen(part)).toBe(true)
    expect(JSON.stringify(given)).not.toContain('secret-value')
    expect(JSON.stringify(given)).not.toContain(headers.Cookie)
  })

  it('pages.texts and pages.render are called for pages alone', async () => {
    const call = vi.fn(() => undefined)
    const { org, url, visit } = await open({ texts: call, render: () => call() ?? false })
    await visit('/admin', api).expect(403)
    await request(url).get('/admin').set(page).expect(302)
    await visit('/admin', { Cookie: org.signIn('carol@example.com', { mfa: true }) }).expect(404)
    expect(call).not.toHaveBeenCalled()
    await visit().expect(403)
    expect(call).toHaveBeenCalledTimes(2)
  })

  it('replaced texts are escaped', async () => {
    const evil = '</title><script>alert(1)</script>&amp;"\''
    const { visit } = await open({
      texts: () => ({ title: evil, message: evil, advice: evil, links: { home: evil } }),
    })
    const answer = await visit().expect(403)
    expect(answer.text).not.toContain('<script')
    expect(answer.text).not.toContain('</title><')
    expect(seen(answer)).toMatchObject({ heading: evil, paragraphs: [evil, evil] })
    expect(seen(answer).links.at(-1)).toEqual([evil, '/'])
  })

  it('a member of pages.texts that changes at each look cannot break the page', async () => {
    let looks = 0
    const changing = {
      get title() {
        looks += 1
        return looks === 1 ? 'Ours' : 5
      },
    }
    const { visit } = await open({ texts: () => changing })
    expect(seen(await visit().expect(403)).heading).toBe('Ours')
  })

  it.each<[string, unknown, RegExp]>([
    ['a promise', Promise.resolve({ title: 'x' }), /texts failed.+it gave a promise/],
    ['a rejected promise', () => Promise.reject(new Error('no')), /it gave a promise/],
    ['a text', 'Hello', /it gave a string; it must return an object of texts/],
    ['null', null, /it gave null/],
    ['a list', ['Hello'], /it gave an array/],
    ['a number as title', { title: 5 }, /title is a number/],
    ['an unknown member', { titel: 'Hello' }, /titel is no text of a page/],
    ['the links of the page', { links: [] }, /links is an array/],
    ['an object as the text of a link', { links: { home: {} } }, /links\.home is an object/],
    ['another status', { status: 200 }, /status is no text of a page/],
    ['a language that is none', { lang: 'de" onload="x' }, /lang must be a language tag/],
  ])(
    'pages.texts that gives %s leaves the page as it is, with one line',
    async (_, value, line) => {
      const { visit, lines } = await open({
        texts: () => (typeof value === 'function' ? value() : value),
      })
      for (let times = 0; times < 2; times += 1)
        expect(seen(await visit().expect(403))).toMatchObject({
          lang: 'en',
          heading: 'A second factor is needed',
        })
      expect(lines()).toEqual([expect.stringMatching(line)])
    },
  )
})

describe('pages.render', () => {
  it('pages.render makes the page, with the status, the texts and the cookie of the package', async () => {
    const { org, visit } = await open({
      texts: () => ({ title: 'Ours' }),
      render: ({ title, status, links }: GuardPage) =>
        `<!doctype html><title>${title}</title><p>${status} ${links.map(({ kind }) => kind)}`,
    })
    const refused = await visit().expect(403)
    expect(refused.type).toBe('text/html')
    expect(refused.text).toBe('<!doctype html><title>Ours</title><p>403 sign_in,home')
    expect(refused.headers['cache-control']).toBe('private, no-store')
    expect(refused.headers).not.toHaveProperty('refresh')
    org.fail({ kind: 'rate_limit' })
    const outage = await visit('/admin', { Cookie: 'idx=one' }).expect(503)
    expect(outage.text).toContain('503 try_again,home')
    expect(Number(outage.headers.refresh)).toBeGreaterThanOrEqual(
      Number(outage.headers['retry-after']),
    )
    expect(cookiesOf(outage)).toHaveProperty('okta-unavailable-since')
  })

  it('the page of pages.render may load styles and images, and runs no script', async () => {
    const { visit } = await open({ render: () => '<p>ours</p>' })
    const policy = (await visit().expect(403)).headers['content-security-policy']
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("style-src 'self' https: 'unsafe-inline'")
    expect(policy).not.toContain('script-src')
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).toContain("base-uri 'none'")
  })

  it('pages.render that gives false leaves the page to the package', async () => {
    const { visit, lines } = await open({
      render: ({ code }: GuardPage) => code === 'sign_out' && '<p>ours</p>',
    })
    expect((await visit('/logout')).text).toBe('<p>ours</p>')
    const { text, headers } = await visit().expect(403)
    expect(seen({ text })).toMatchObject({ heading: 'A second factor is needed' })
    const style = /<style>(.*?)<\/style>/s.exec(text)?.[1] ?? ''
    const digest = createHash('sha256').update(style).digest('base64')
    expect(headers['content-security-policy']).toContain(`style-src 'sha256-${digest}'`)
    expect(lines()).toEqual([])
  })

  it.each<[string, () => unknown, RegExp]>([
    [
      'throws',
      () => {
        throw new Error('no template')
      },
      /render failed.+Error: no template/,
    ],
    ['gives a promise', async () => '<p>late</p>', /it gave a promise/],
    ['gives a rejected promise', () => Promise.reject(new Error('late')), /it gave a promise/],
    ['gives nothing', () => undefined, /it gave undefined; it must return the HTML/],
    ['gives an empty text', () => '', /it gave an empty text/],
    ['gives blanks', () => ' \n', /it gave a string/],
    ['gives true', () => true, /it gave true/],
    ['gives an object', () => ({ body: '<p>' }), /it gave an object/],
  ])(
    'pages.render that %s leaves the page to the package, with one line',
    async (_, render, line) => {
      const rejections = vi.fn()
      process.on('unhandledRejection', rejections)
      onTestFinished(() => void process.off('unhandledRejection', rejections))
      const { visit, lines } = await open({ render })
      for (let times = 0; times < 2; times += 1)
        expect(seen(await visit().expect(403)).heading).toBe('A second factor is needed')
      expect(lines()).toEqual([expect.stringMatching(line)])
      expect(rejections).not.toHaveBeenCalled()
    },
  )

  it('an error of pages.render that cannot be written as text breaks no answer', async () => {
    const { visit, lines } = await open({
      render: () => {
        throw Object.create(null)
      },
    })
    await visit().expect(403)
    expect(lines()).toHaveLength(1)
  })

  it('check() and forwardAuth() answer with the same page', async () => {
    const { okta, visit, headers } = await open({ render: ({ code }: GuardPage) => `<p>${code}` })
    expect((await visit('/auth').expect(403)).text).toBe('<p>mfa_required')
    const fetched = new Request('http://localhost/admin', { headers: { ...headers } })
    const decision = await okta.check(fetched, { mfa: true })
    expect(decision).toMatchObject({ ok: false, reply: { status: 403, body: '<p>mfa_required' } })
  })
})
