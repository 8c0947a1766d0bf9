import { createHash } from 'node:crypto'
import express from 'express'
import helmet from 'helmet'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { api, ownPage, page, serve, startParts } from './door.js'

/** An app that has said what its own pages may do, and every kind of answer that is ours. */
async function open() {
  const { okta, org } = await startParts()
  const app = express()
  app.use(helmet())
  app.get('/account', okta.requireSession())
  app.get('/second-factor', okta.requireSession({ mfa: true }))
  app.get('/info', okta.sessionInfo())
  app.get('/auth', okta.forwardAuth())
  app.post('/login', okta.login())
  app.post('/refresh', okta.refresh())
  app.get('/own', (_req, res) => void res.send('<p>the app’s own</p>'))
  return { org, url: await serve(app) }
}

describe('a page of ours', () => {
  it.each([
    ['a refused session', '/second-factor', {}],
    ['an outage', '/account', { fault: true }],
  ])(
    'a page of the package has a Content-Security-Policy that allows its style: %s',
    async (_, path, {
      fault,
    }: {
      fault?: boolean
    }) => {
      const { org, url } = await open()
      const cookie = org.signIn('alice@example.com')
      if (fault) org.fail({ kind: 'html' })
      const { headers, text } = await request(url).get(path).set(page).set('Cookie', cookie)
      const policy = headers['content-security-policy'] ?? ''
      expect(policy).toContain("default-src 'none'")
      expect(policy).toContain("frame-ancestors 'none'")
      expect(policy).not.toContain('unsafe-inline')
      const style = /<style>(.*?)<\/style>/s.exec(text)?.[1] ?? ''
      expect(style).not.toBe('')
      const digest = createHash('sha256').update(style).digest('base64')
      expect(policy).toContain(`style-src 'sha256-${digest}'`)
      expect(headers['x-content-type-options']).toBe('nosniff')
    },
  )

  it.each([
    ['a refused post', '/refresh', { 'Sec-Fetch-Site': 'cross-site' }],
    ['a sign-in without a token', '/login', ownPage],
  ])('a handler’s page has the same Content-Security-Policy: %s', async (_, path, headers) => {
    const { url } = await open()
    const answer = await request(url).post(path).set(page).set(headers)
    expect(answer.type).toBe('text/html')
    expect(answer.headers['content-security-policy']).toContain("frame-ancestors 'none'")
    expect(answer.headers['x-content-type-options']).toBe('nosniff')
  })

  it('the Content-Security-Policy of the app’s own pages stays as the app set it', async () => {
    const { url } = await open()
    const { headers } = await request(url).get('/own')
    expect(headers['content-security-policy']).toContain("script-src 'self'")
  })
})

describe('an answer of ours to a program', () => {
  it.each([
    ['get', '/account', api],
    ['get', '/info', api],
    ['get', '/auth', api],
    ['post', '/login', { ...api, ...ownPage }],
    ['post', '/refresh', { ...api, 'Sec-Fetch-Site': 'cross-site' }],
    ['put', '/refresh', api],
  ] as const)(
    'an answer to a script is never taken for another content type: %s %s',
    async (method, path, headers) => {
      const { okta } = await startParts()
      const app = express()
      app.get('/account', okta.requireSession())
      app.get('/info', okta.sessionInfo())
      app.get('/auth', okta.forwardAuth())
      app.post('/login', okta.login())
      app.all('/refresh', okta.refresh())
      const answer = await request(app)[method](path).set(headers)
      expect(answer.type).toMatch(/json$/)
      expect(answer.headers['x-content-type-options']).toBe('nosniff')
    },
  )
})
