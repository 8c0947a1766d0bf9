/** forwardAuth(): what a reverse proxy is told of a request it asks about. */
import express from 'express'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { type Choices, page, serve, startParts } from './door.js'

type Options = Parameters<Awaited<ReturnType<typeof startParts>>['okta']['forwardAuth']>[0]

async function open(options: Options = {}, choices: Choices = {}) {
  const parts = await startParts(choices)
  const url = await serve(express().use('/auth', parts.okta.forwardAuth(options)))
  const ask = (cookie?: string, headers: Record<string, string> = {}) =>
    request(url)
      .get('/auth')
      .set(cookie === undefined ? headers : { ...headers, Cookie: cookie })
  return { ...parts, url, ask }
}

const identity = ({ headers }: { headers: Record<string, string> }) => ({
  userId: headers['okta-user-id'],
  login: headers['okta-login'],
  amr: headers['okta-amr'],
})

describe.each(['identity', 'classic'] as const)('on the %s engine', (engine) => {
  it('forwardAuth() answers an active session with 204 and its identity headers', async () => {
    const { org, ask } = await open({}, { org: { engine } })
    const cookie = org.signIn('alice@example.com', { mfa: true })
    const [session] = org.sessions
    const answer = await ask(cookie).expect(204)
    expect(identity(answer)).toEqual({
      userId: session?.userId,
      login: 'alice%40example.com',
      amr: session?.amr.join(' '),
    })
    expect(answer.headers).toMatchObject({ 'cache-control': 'private, no-store', vary: 'Cookie' })
    expect(answer.headers).not.toHaveProperty('set-cookie')
    await ask(cookie).expect(204)
    expect(org.calls.getCurrentSession).toBe(1)
  })
})

describe('identity headers', () => {
  it.each([
    ['Jürgen Åström', 'J%C3%BCrgen%20%C3%85str%C3%B6m'],
    ['a\r\nOkta-Amr: mfa', 'a%0D%0AOkta-Amr%3A%20mfa'],
    ['half a \ud83d', 'half%20a%20%EF%BF%BD'],
  ])(
    'forwardAuth() percent-encodes a name that no header could hold: %j',
    async (login, expected) => {
      const { org, ask } = await open()
      org.failNext({ kind: 'fields', set: { login, amr: ['p w', 'm\nfa'] } })
      const answer = await ask(org.signIn('alice@example.com')).expect(204)
      expect(identity(answer)).toMatchObject({ login: expected, amr: 'p%20w m%0Afa' })
    },
  )
})

describe('denials', () => {
  it('forwardAuth() answers each denial with its own status, for a page or a script', async () => {
    const { org, ask } = await open(
      { rule: { mfa: true } },
      { okta: { upstream: { failedLookupsPerClient: { perSecond: 0.1, burst: 1 } } } },
    )
    for (const headers of [{}, page]) {
      const nobody = await ask(undefined, headers).expect(401)
      expect(nobody.body).toMatchObject({ code: 'session_required', reason: 'no_cookie' })
      expect(nobody.headers['content-type']).toBe('application/problem+json; charset=utf-8')
      expect(identity(nobody)).toEqual({})
      const weak = await ask(org.signIn('alice@example.com'), headers).expect(403)
      expect(weak.body).toMatchObject({ code: 'mfa_required', amr: ['mfa'] })
      expect(identity(weak)).toEqual({})
    }
    const incomplete = org.signIn('alice@example.com', { status: 'MFA_ENROLL' })
    expect((await ask(incomplete).expect(403)).body.code).toBe('mfa_enroll_required')
    await ask('idx=guess').expect(401)
    const guessing = await ask('idx=other-guess').expect(429)
    expect(guessing.headers['retry-after']).toBe('10')
  })

  it('forwardAuth() answers 503 with Retry-After while Okta is unavailable', async () => {
    const { org, ask } = await open({ redirect: true })
    org.fail({ kind: 'html' })
    const { headers, body } = await ask('idx=one').expect(503)
    expect(headers['retry-after']).toBe('1')
    expect(headers).not.toHaveProperty('location')
    expect(body.code).toBe('okta_unavailable')
    expect(headers).toMatchObject({ 'cache-control': 'private, no-store', vary: 'Cookie' })
  })
})

describe('redirect', () => {
  const appUrl = 'https://app.example.com'

  it.each([
    [{ 'X-Forwarded-Uri': '/deep?a=b' }, '/deep?a=b'],
    [{ 'X-Original-Uri': '/deep?a=b' }, '/deep?a=b'],
    [{ 'X-Forwarded-Uri': '//evil.example/' }, '/'],
    [{ 'X-Forwarded-Uri': 'https://evil.example/' }, '/'],
    [{ 'X-Forwarded-Uri': '/\\evil.example' }, '/'],
  ])(
    'forwardAuth() redirects to sign-in and back to the URL the proxy was asked for: %o',
    async (headers, path) => {
      const { org, ask } = await open({ redirect: true }, { okta: { appUrl } })
      const answer = await ask(undefined, headers as Record<string, string>).expect(302)
      const back = encodeURIComponent(appUrl + path)
      expect(answer.headers.location).toBe(`${org.url}/login/login.htm?fromURI=${back}`)
      expect(answer.headers['cache-control']).toBe('private, no-store')
    },
  )

  it('forwardAuth() never redirects to a host that the client chose', async () => {
    const { ask } = await open({ redirect: true }, { okta: { appUrl } })
    const answer = await ask(undefined, { 'X-Forwarded-Host': 'evil.example' }).expect(302)
    expect(answer.headers.location).not.toContain('evil')
  })

  it('forwardAuth() answers 403 to a session that does not satisfy the rule', async () => {
    const { org, ask } = await open({ redirect: true, rule: { mfa: true } })
    await ask(org.signIn('alice@example.com')).expect(403)
  })
})

describe('options that can’t be', () => {
  it('forwardAuth() throws a TypeError that names an invalid option', async () => {
    const { okta } = await startParts()
    expect(() => okta.forwardAuth({ redirect: 'yes', rules: {} } as never)).toThrow(
      /^forwardAuth\(\).*\n {2}redirect: got "yes"; must be true or false\n {2}rules: no such option; did you mean `rule`\?$/,
    )
    expect(() => okta.forwardAuth({ rule: { mfa: 1 } } as never)).toThrow(/^forwardAuth\(\).*mfa/s)
  })
})
