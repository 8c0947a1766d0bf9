/** Where the sign-in link of a refused request leads back to: a page, never an address that takes posts alone. */
import express from 'express'
import type { Denial, OktaSessionOptions } from 'express-okta-session'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { api, ownPage, page, serve, startParts } from './door.js'

const appUrl = 'https://app.example.com'
const form = { ...page, ...ownPage, 'Content-Type': 'application/x-www-form-urlencoded' }

async function open(options: OktaSessionOptions = {}) {
  const denials: Denial[] = []
  const onDenied = (denial: Denial) => {
    denials.push(denial)
    return false
  }
  const parts = await startParts({ okta: { appUrl, onDenied, ...options } })
  const app = express()
  app.post('/transfers', parts.okta.requireSession({ mfa: true }))
  app.get('/transfers/new', parts.okta.requireSession({ mfa: true }))
  app.post('/refresh', parts.okta.refresh())
  const url = await serve(app)
  return { ...parts, url, denials }
}

/** The path that a sign-in URL, or the sign-out before it, returns to. */
function returnPath(url: string | undefined): string {
  const from = new URL(url ?? '').searchParams.get('fromURI') ?? ''
  return from.startsWith(appUrl) ? from.slice(appUrl.length) : returnPath(from)
}

/** The first link of a page. */
const linkOf = (text: string) => /<a href="([^"]*)"/.exec(text)?.[1]?.replaceAll('&amp;', '&')

const referers: readonly [referer: string | undefined, path: string][] = [
  [`${appUrl}/transfers/new?to=bob`, '/transfers/new?to=bob'],
  [undefined, '/'],
  ['', '/'],
  ['https://evil.example/transfers/new', '/'],
  ['http://app.example.com/transfers/new', '/'],
  [`${appUrl}.evil.example/x`, '/'],
  [`${appUrl}//evil.example/x`, '/'],
  ['https://user@app.example.com/x', '/'],
  ['/transfers/new', '/'],
  ['about:client', '/'],
  [`${appUrl}/\u00fc`, '/%C3%BC'],
]

describe('a refused post', () => {
  it.each(referers)(
    'the page of a refused post with Referer %j leads back to %s',
    async (referer, path) => {
      const { org, url, denials } = await open()
      const headers = { ...form, ...(referer !== undefined && { Referer: referer }) }
      const anonymous = await request(url).post('/transfers').set(headers).expect(401)
      expect(returnPath(linkOf(anonymous.text))).toBe(path)
      const weak = await request(url)
        .post('/transfers')
        .set({ ...headers, Cookie: org.signIn('alice@example.com') })
        .expect(403)
      expect(linkOf(weak.text)).toContain('/login/signout?')
      expect(returnPath(linkOf(weak.text))).toBe(path)
      expect(denials.map(({ signInUrl }) => returnPath(signInUrl))).toEqual([path, path])
    },
  )

  it('denial.signInUrl of a script’s refused post leads back to the page of the script', async () => {
    const { url, denials } = await open()
    const headers = { ...api, ...ownPage, Referer: `${appUrl}/transfers/new` }
    await request(url).post('/transfers').set(headers).expect(401)
    await request(url).post('/refresh').set(headers).expect(401)
    const paths = denials.map(({ signInUrl }) => returnPath(signInUrl))
    expect(paths).toEqual(['/transfers/new', '/transfers/new'])
  })

  it('signInUrl as a function is given the page, too', async () => {
    const given: string[] = []
    const { url } = await open({
      signInUrl: (returnTo) => {
        given.push(returnTo)
        return '/sign-in'
      },
    })
    await request(url).post('/transfers').set(form)
    await request(url)
      .post('/transfers')
      .set({ ...form, Referer: `${appUrl}/transfers/new` })
    await request(url).get('/transfers/new?to=bob').set(page).expect(302)
    expect(given).toEqual(['/', '/transfers/new', '/transfers/new?to=bob'])
  })

  it.each([
    ['the Host it came to', (host: string) => `http://${host}/form`],
    ['that Host behind a proxy that ends TLS', (host: string) => `https://${host}/form`],
  ])('without appUrl a Referer of %s is the app’s own', async (_, referer) => {
    const { okta, org } = await startParts()
    const url = await serve(express().post('/', okta.requireSession()))
    const { text } = await request(url)
      .post('/')
      .set({ ...form, Referer: referer(new URL(url).host) })
      .expect(401)
    expect(linkOf(text)).toBe(
      `${org.url}/login/login.htm?fromURI=${encodeURIComponent(`${url}/form`)}`,
    )
  })
})

describe('check()', () => {
  it('check() leads a refused post back to the page, and a Fetch request to its own path', async () => {
    const { okta } = await open()
    const signInUrl = async (req: Request) => {
      const decision = await okta.check(req)
      return decision.ok ? '' : returnPath(decision.denial.signInUrl)
    }
    const inside = 'http://localhost:3000/transfers?x=1'
    const headers = { referer: `${appUrl}/transfers/new` }
    expect(await signInUrl(new Request(inside, { method: 'POST', headers }))).toBe('/transfers/new')
    expect(await signInUrl(new Request(inside))).toBe('/transfers?x=1')
  })
})
