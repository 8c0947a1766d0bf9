/** What a rule may require of a session besides its existence, and the app's own check. */
import type { IncomingMessage } from 'node:http'
import express from 'express'
import type { SessionRule } from 'express-okta-session'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { serve, startParts } from './door.js'
import { openGuarded } from './guarded-app.js'

describe('a rule', () => {
  const unmet: [string, SessionRule, object][] = [
    ['mfa', { mfa: true }, { code: 'mfa_required', amr: ['mfa'] }],
    ['amr', { amr: ['pwd', 'hwk'] }, { code: 'mfa_required', amr: ['pwd', 'hwk'] }],
    [
      'signedInWithinMs',
      { signedInWithinMs: 59_999 },
      { code: 'reauthentication_required', maxAgeSeconds: 59 },
    ],
    ['allow', { allow: () => false }, { code: 'forbidden' }],
  ]

  it.each(unmet)('an unmet rule is a 403 with its own code: %s', async (_, rule, problem) => {
    const { org, clock, visit } = await openGuarded({ rule })
    const cookie = org.signIn('alice@example.com')
    clock.advance(60_000)
    for (const kind of ['script', 'scriptPost'] as const) {
      const { body } = await visit[kind](cookie).expect(403)
      expect(body).toEqual({ type: 'about:blank', title: 'Forbidden', status: 403, ...problem })
    }
    for (const kind of ['page', 'head', 'form'] as const) {
      const { headers } = await visit[kind](cookie).expect(403)
      expect(headers['content-type']).toBe('text/html; charset=utf-8')
      expect(headers).not.toHaveProperty('location')
      expect(headers).not.toHaveProperty('set-cookie')
    }
  })

  it('the page for an unmet rule offers to sign in again where that could help', async () => {
    const texts = unmet.map(async ([name, rule]) => {
      const { org, clock, visit } = await openGuarded({ rule })
      const cookie = org.signIn('alice@example.com')
      clock.advance(60_000)
      return [name, (await visit.page(cookie).expect(403)).text.includes('>Sign in')]
    })
    expect(Object.fromEntries(await Promise.all(texts))).toEqual({
      mfa: true,
      amr: true,
      signedInWithinMs: true,
      allow: false,
    })
  })

  it.each<[string, SessionRule]>([
    ['mfa', { mfa: true }],
    ['amr', { amr: ['pwd', 'mfa'] }],
    ['signedInWithinMs', { signedInWithinMs: 60_000 }],
    ['all together', { mfa: true, amr: ['pwd'], signedInWithinMs: 60_000, allow: () => true }],
  ])('a met rule lets the request through: %s', async (_, rule) => {
    const { org, clock, visit } = await openGuarded({ rule })
    const cookie = org.signIn('alice@example.com', { mfa: true })
    clock.advance(60_000)
    await visit.script(cookie).expect(200)
  })

  it('signedInWithinMs is measured by Okta’s clock', async () => {
    const { org, visit } = await openGuarded({
      rule: { signedInWithinMs: 60_000 },
      org: { dateSkewMs: 540_000 },
    })
    await visit.script(org.signIn('alice@example.com')).expect(403)
  })

  it('signedInWithinMs takes the newer of the two verification dates, and is unmet without one', async () => {
    const { org, clock, visit } = await openGuarded({ rule: { signedInWithinMs: 60_000 } })
    const cookie = org.signIn('alice@example.com')
    clock.advance(120_000)
    org.stepUp(cookie)
    await visit.script(cookie).expect(200)
    org.fail({
      kind: 'fields',
      set: { lastPasswordVerification: null, lastFactorVerification: null },
    })
    const { body } = await visit.script(org.signIn('alice@example.com')).expect(403)
    expect(body.code).toBe('reauthentication_required')
  })

  it('the rule mfa accepts mca in amr', async () => {
    const { org, visit } = await openGuarded({ rule: { mfa: true } })
    org.failNext({ kind: 'fields', set: { amr: ['pwd', 'mca'] } })
    await visit.script(org.signIn('alice@example.com')).expect(200)
  })

  it('a rule with maxStalenessMs looks up again when the answer is too old', async () => {
    const { org, clock, visit } = await openGuarded({ rule: { maxStalenessMs: 10_000 } })
    const cookie = org.signIn('alice@example.com')
    await visit.script(cookie).expect(200)
    clock.advance(10_000)
    await visit.script(cookie).expect(200)
    expect(org.calls.getCurrentSession).toBe(1)
    clock.advance(1)
    await visit.script(cookie).expect(200)
    expect(org.calls.getCurrentSession).toBe(2)
  })

  it('maxStalenessMs of 0 looks up for each request, and refuses it when Okta is unavailable', async () => {
    const { org, visit } = await openGuarded({ rule: { maxStalenessMs: 0 } })
    const cookie = org.signIn('alice@example.com')
    await visit.script(cookie).expect(200)
    await visit.script(cookie).expect(200)
    expect(org.calls.getCurrentSession).toBe(2)
    org.fail({ kind: 'reset' })
    await visit.script(cookie).expect(503)
  })

  it('an invalid rule throws when the guard is made', async () => {
    const { okta } = await startParts()
    const rule = { mfa: 'yes', amr: 'pwd', signedInWithinMs: -1, allow: true, mfaa: true }
    expect(() => okta.requireSession(rule as never)).toThrow(
      /mfa: got "yes"; must be true or false \(EOS203\)\n {2}amr: .+\n {2}signedInWithinMs: .+\n {2}allow: .+ must be a function \(EOS203\)\n {2}mfaa: no such/s,
    )
  })
})

describe('allow', () => {
  const withAllow = (allow: unknown) => openGuarded({ rule: { allow } as SessionRule })

  it('allow() receives the session and the request', async () => {
    const seen: unknown[] = []
    const { org, visit } = await withAllow((session: { login: string }, req: IncomingMessage) => {
      seen.push(session.login, req.url)
      return true
    })
    await visit.script(org.signIn('alice@example.com')).expect(200)
    expect(seen).toEqual(['alice@example.com', '/account?tab=1'])
  })

  it.each<[string, unknown, number]>([
    ['true', () => true, 200],
    ['a promise of true', async () => true, 200],
    ['false', () => false, 403],
    ['a promise of false', async () => false, 403],
    ['nothing', () => {}, 403],
    ['a promise of nothing', async () => {}, 403],
    ['a truthy word', () => 'yes', 403],
    ['1', () => 1, 403],
    ['a promise of an object', async () => ({}), 403],
  ])('allow() passes with true alone: %s', async (_, allow, status) => {
    const { org, visit } = await withAllow(allow)
    await visit.script(org.signIn('alice@example.com')).expect(status)
  })

  it.each<[string, unknown]>([
    ['an error', new Error('boom')],
    ['nothing', undefined],
    ['null', null],
    ['false', false],
    ['0', 0],
    ['an empty string', ''],
    ['the word route', 'route'],
    ['the word router', 'router'],
  ])('an allow() that throws or rejects with %s is an error, never a pass', async (_, thrown) => {
    for (const allow of [
      () => {
        throw thrown
      },
      async () => {
        throw thrown
      },
    ]) {
      const { org, okta } = await startParts()
      const app = express()
      const reached: string[] = []
      app.get('/account', okta.requireSession({ allow } as SessionRule), (_req, res) => {
        reached.push('the page')
        res.end()
      })
      app.use((_req, res) => void res.status(404).end(reached.push('what comes behind')))
      app.use(((error, _req, res, _next) => {
        res.status(500).end(String(error))
      }) as express.ErrorRequestHandler)
      const cookie = org.signIn('alice@example.com')
      await request(await serve(app))
        .get('/account')
        .set('Cookie', cookie)
        .expect(500)
      expect(reached).toEqual([])
    }
  })

  it('a session that became too weak while allow() ran is refused', async () => {
    const { org, okta } = await startParts()
    const allow = async (session: { userId: string }) => {
      org.fail({ kind: 'fields', set: { amr: ['pwd'] } })
      await okta.forget({ userId: session.userId })
      return true
    }
    const app = express().get('/', okta.requireSession({ mfa: true, allow }))
    const cookie = org.signIn('alice@example.com', { mfa: true })
    const { body } = await request(await serve(app))
      .get('/')
      .set('Cookie', cookie)
      .expect(403)
    expect(body.code).toBe('mfa_required')
  })

  it('allow() is not called for a request that is refused anyway', async () => {
    const checked: unknown[] = []
    const { visit } = await withAllow((session: unknown) => checked.push(session) > 0)
    await visit.script().expect(401)
    await visit.script('idx=unknown').expect(401)
    expect(checked).toEqual([])
  })
})

describe('a page whose answer is refused for a factor it may just have given', () => {
  it('a page refused for a factor causes one further lookup, however long Okta takes', async () => {
    const { org, clock, visit } = await openGuarded({ rule: { mfa: true } })
    const cookie = org.signIn('alice@example.com')
    await visit.page(cookie).expect(403)
    expect(org.calls.getCurrentSession).toBe(1)
    clock.advance(5_000)
    // Each answer is a few seconds old by the time it arrives.
    const ticking = setInterval(() => clock.advance(100), 1)
    org.fail({ kind: 'delay', delayMs: 20 })
    await visit.page(cookie).expect(403)
    clearInterval(ticking)
    expect(org.calls.getCurrentSession).toBe(2)
  })
})
