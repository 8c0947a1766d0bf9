import { createServer } from 'node:http'
import express from 'express'
import type { Decision, SessionRule } from 'express-okta-session'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { api, page, serve, startParts } from './door.js'

const form = { ...page, 'Content-Type': 'application/x-www-form-urlencoded' }

/** One request to a bare server that answers with what check() decides, and one to a guard of Express's. */
async function open(rule?: SessionRule) {
  const parts = await startParts()
  const { okta } = parts
  const guarded = express()
  guarded.disable('x-powered-by')
  guarded.all(
    '/account',
    okta.requireSession(...(rule === undefined ? [] : [rule])),
    (req, res) => {
      res.type('text').send(okta.session(req).login)
    },
  )
  const checked = createServer(async (req, res) => {
    const decision = await okta.check(req, ...(rule === undefined ? [] : [rule]))
    const { status, headers, body } = decision.ok
      ? { status: 200, headers: decision.headers, body: decision.session.login }
      : decision.reply
    res.writeHead(status, headers as Record<string, string | string[]>)
    res.end(body)
  })
  return {
    ...parts,
    guard: await serve(guarded),
    check: await serve((req, res) => void checked.emit('request', req, res)),
  }
}

type World = Awaited<ReturnType<typeof open>>

const kinds = { page, api, form } as const
const states: Record<string, (world: World) => string | undefined> = {
  'no cookie': () => undefined,
  'a cookie that is no session’s': () => 'idx=unknown',
  'an invalid cookie': () => 'idx=%',
  'a live session': ({ org }) => org.signIn('alice@example.com'),
  'a session while Okta answers with a page': ({ org }) => {
    const cookie = org.signIn('alice@example.com')
    org.fail({ kind: 'html' })
    return cookie
  },
}

describe('check()', () => {
  it.each(
    Object.keys(states).flatMap((state) =>
      [undefined, { mfa: true } as const].flatMap((rule) =>
        (['page', 'api', 'form'] as const).map((kind) => [state, rule, kind] as const),
      ),
    ),
  )(
    'check() answers what requireSession() answers: %s, rule %o, a %s',
    async (state, rule, kind) => {
      const answers = []
      for (const door of ['guard', 'check'] as const) {
        const world = await open(rule)
        const cookie = states[state]?.(world)
        const method = kind === 'form' ? 'post' : 'get'
        const { status, headers, text } = await request(world[door])
          [method]('/account?tab=1')
          .set({ Host: 'app.example.com', ...kinds[kind], ...(cookie && { Cookie: cookie }) })
        const { org } = world
        const own = ['location', 'content-type', 'cache-control', 'vary', 'retry-after']
        own.push('content-security-policy', 'x-content-type-options', 'set-cookie')
        const seen = Object.fromEntries(own.map((name) => [name, headers[name]]))
        if (status === 200) delete seen['content-type']
        const answer = JSON.stringify({ status, seen, text })
        answers.push(
          answer.replaceAll(org.url, 'ORG').replaceAll(encodeURIComponent(org.url), 'ORG'),
        )
      }
      expect(answers[1]).toBe(answers[0])
    },
  )

  it('check() is synchronous for a cached session', async () => {
    const { okta, org } = await startParts()
    const req = { method: 'GET', url: '/', headers: { cookie: org.signIn('alice@example.com') } }
    const first = okta.check(req)
    expect(first).toBeInstanceOf(Promise)
    await first
    const decision = okta.check(req)
    expect(decision).not.toBeInstanceOf(Promise)
    expect(decision).toMatchObject({ ok: true, context: { source: 'memory' } })
    expect(org.calls.getCurrentSession).toBe(1)
  })

  it('check() takes a Fetch request, whose URL has the host, and does not change it', async () => {
    const { okta, org } = await startParts()
    const req = new Request('https://app.example.com/account?tab=1', { headers: page })
    const decision = await okta.check(Object.freeze(req))
    const back = encodeURIComponent('https://app.example.com/account?tab=1')
    expect(decision).toMatchObject({
      ok: false,
      denial: { status: 401, code: 'session_required', reason: 'no_cookie' },
      reply: {
        status: 302,
        headers: { location: `${org.url}/login/login.htm?fromURI=${back}` },
        body: '',
      },
    })
  })

  it('check() returns to the path of a Fetch request behind a proxy', async () => {
    const { okta, org } = await startParts({ okta: { appUrl: 'https://app.example.com' } })
    const decision = await okta.check(
      new Request('http://localhost:3000/reports?x=1#top', { headers: page }),
    )
    const back = encodeURIComponent('https://app.example.com/reports?x=1#top')
    expect(decision).toMatchObject({
      reply: { headers: { location: `${org.url}/login/login.htm?fromURI=${back}` } },
    })
    const evil = new Request('http://localhost:3000//evil.example/', { headers: page })
    expect(await okta.check(evil)).toMatchObject({
      denial: { signInUrl: `${org.url}/login/login.htm?fromURI=https%3A%2F%2Fapp.example.com%2F` },
    })
  })

  it('check() sees a revocation between the answer of Okta and its use', async () => {
    const { okta, org } = await startParts()
    const req = { headers: { cookie: org.signIn('alice@example.com') } }
    const allow = async ({ id, userId }: { id: string; userId: string }) => {
      org.endSession(id)
      await okta.forget({ userId })
      return true
    }
    expect(await okta.check(req, { allow })).toMatchObject({
      ok: false,
      denial: { code: 'session_required' },
    })
  })

  it('check() throws for an invalid rule, and validates a rule once', async () => {
    const { okta } = await startParts()
    const req = { headers: {} }
    expect(() => okta.check(req, { mfa: undefined } as never)).toThrow(/^check\(\).*mfa/s)
    expect(() => okta.check(req, new Map() as never)).toThrow(/^check\(/)
    let reads = 0
    const rule = new Proxy({}, {})
    expect(() => okta.check(req, rule as never)).toThrow(TypeError)
    const plain: SessionRule = { mfa: true }
    const decisions: (Decision | Promise<Decision>)[] = []
    for (; reads < 3; reads += 1) decisions.push(okta.check(req, plain))
    expect(decisions).toHaveLength(3)
  })

  it('check() throws for a rule that is written down and undefined', async () => {
    const { okta, org } = await startParts()
    const req = { headers: { cookie: org.signIn('alice@example.com') } }
    const policies: Record<string, SessionRule> = {}
    expect(() => okta.check(req, policies.typo as never)).toThrow(
      'check(req, undefined): leave the rule out for no rule',
    )
    expect(await okta.check(req)).toMatchObject({ ok: true })
  })

  it.each<[string, SessionRule, (rule: { -readonly [K in keyof SessionRule]: unknown }) => void]>([
    ['mfa', {}, (rule) => Object.assign(rule, { mfa: true })],
    ['another method in amr', { amr: ['pwd'] }, ({ amr }) => (amr as string[]).push('hwk')],
    ['another list as amr', { amr: ['pwd'] }, (rule) => Object.assign(rule, { amr: ['hwk'] })],
    [
      'another limit',
      { signedInWithinMs: 9e6 },
      (rule) => Object.assign(rule, { signedInWithinMs: 1 }),
    ],
    ['allow', { allow: () => true }, (rule) => Object.assign(rule, { allow: () => false })],
  ])('check() obeys a rule that was changed after its first use: %s', async (_, rule, change) => {
    const { okta, org, clock } = await startParts()
    const req = { headers: { cookie: org.signIn('alice@example.com') } }
    clock.advance(1_000)
    for (let times = 0; times < 2; times += 1)
      expect(await okta.check(req, rule)).toMatchObject({ ok: true })
    change(rule)
    for (let times = 0; times < 2; times += 1)
      expect(await okta.check(req, rule)).toMatchObject({ ok: false, denial: { status: 403 } })
  })

  it('check() throws for a fault in a rule that was changed after its first use', async () => {
    const { okta, org } = await startParts()
    const req = { headers: { cookie: org.signIn('alice@example.com') } }
    const rule: SessionRule = {}
    await okta.check(req, rule)
    Object.assign(rule, { mfaa: true })
    expect(() => okta.check(req, rule)).toThrow('mfaa')
  })

  it('check() rejects with what allow() throws', async () => {
    const { okta, org } = await startParts()
    const req = { headers: { cookie: org.signIn('alice@example.com') } }
    const failing = { allow: () => Promise.reject(new Error('the app failed')) }
    await expect(okta.check(req, failing)).rejects.toThrow('the app failed')
  })
})

describe('a request of another framework', () => {
  it('check() adds no property to the request', async () => {
    const { okta, org } = await startParts()
    const req = { headers: { cookie: org.signIn('alice@example.com'), ...api } }
    await okta.check(req)
    expect(Object.keys(req)).toEqual(['headers'])
  })
})
