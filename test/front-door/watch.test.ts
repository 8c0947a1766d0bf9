/** watch(): a connection that outlasts its request hears, once, that its session is over. */
import type { SessionEnd } from 'express-okta-session'
import request from 'supertest'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { RevocationLog } from '../../src/session/revocations.js'
import { type Choices, ownPage, serve, startParts } from './door.js'

/** Watches what a request with that cookie brings; `ends` holds what it has heard. */
async function open(choices: Choices = {}) {
  const parts = await startParts(choices)
  const watch = (cookie: string | undefined) => {
    const ends: SessionEnd[] = []
    const req = { headers: cookie === undefined ? {} : { cookie } }
    const unwatch = parts.okta.watch(req, (reason) => ends.push(reason))
    return { ends, unwatch }
  }
  const known = async (cookie: string) => {
    await parts.okta.authenticate({ headers: { cookie } })
    return cookie
  }
  return { ...parts, watch, known }
}

/** Lets what is under way land: real sockets, whatever the timers do. */
async function landed(parts: Awaited<ReturnType<typeof open>>) {
  do await new Promise(setImmediate)
  while (parts.okta.stats().inFlight > 0)
  await new Promise(setImmediate)
}

/** Moves both clocks, the org's and the timers', in steps no question takes longer than. */
async function pass(parts: Awaited<ReturnType<typeof open>>, ms: number) {
  await landed(parts)
  for (let left = ms; left > 0; left -= 1_000) {
    parts.clock.advance(Math.min(left, 1_000))
    await vi.advanceTimersByTimeAsync(Math.min(left, 1_000))
    await landed(parts)
  }
}

afterEach(() => {
  vi.useRealTimers()
})

describe('a session that ends', () => {
  it.each(['identity', 'classic'] as const)(
    'a watch reports a sign-out at once: %s',
    async (engine) => {
      const { org, okta, watch, known } = await open({ org: { engine } })
      const url = await serve((req, res) => okta.logout()(req, res, () => {}))
      const cookie = await known(org.signIn('alice@example.com'))
      const { ends } = watch(cookie)
      const other = watch(await known(org.signIn('bob@example.com')))
      await request(url)
        .post('/')
        .set({ ...ownPage, Cookie: cookie })
        .expect(204)
      expect(ends).toEqual(['signed_out'])
      expect(other.ends).toEqual([])
      expect(okta.stats().watched).toBe(1)
    },
  )

  it('a watch reports a sign-out that Okta has not confirmed', async () => {
    const { org, okta, watch, known } = await open()
    const url = await serve((req, res) => okta.logout()(req, res, () => {}))
    const cookie = await known(org.signIn('alice@example.com'))
    const { ends } = watch(cookie)
    org.fail({ kind: 'html' })
    await request(url)
      .post('/')
      .set({ ...ownPage, Cookie: cookie })
      .expect(200)
    expect(ends).toEqual(['signed_out'])
  })

  it('a watch reports a session an administrator ended, when forget() causes a lookup', async () => {
    const { org, okta, watch, known } = await open()
    const cookie = await known(org.signIn('alice@example.com'))
    const [session] = org.sessions
    const { ends } = watch(cookie)
    org.endSession(cookie)
    await okta.forget({ sessionId: session?.id ?? '' })
    await expect.poll(() => ends).toEqual(['not_found'])
  })

  it('a watch goes on when forget() named a user who is still signed in', async () => {
    const { org, okta, watch, known } = await open()
    const cookie = await known(org.signIn('alice@example.com'))
    const { ends } = watch(cookie)
    await okta.forget({ userId: org.sessions[0]?.userId ?? '' })
    await expect.poll(() => org.calls.getCurrentSession).toBe(2)
    await okta.settled()
    expect(ends).toEqual([])
    expect(okta.stats().watched).toBe(1)
  })

  it('a watch reports an end that happens while it begins', async () => {
    const { org, okta, watch, known } = await open()
    const cookie = await known(org.signIn('alice@example.com'))
    const { ends } = watch(cookie)
    // In the same breath: the watch has not got its first answer yet.
    org.endSession(cookie)
    const forgotten = okta.forget({ userId: org.users[0]?.userId ?? '' })
    await forgotten
    await expect.poll(() => ends).toEqual(['not_found'])
  })

  it('a watch reports an end once', async () => {
    const { org, okta, watch, known } = await open()
    const url = await serve((req, res) => okta.logout()(req, res, () => {}))
    const cookie = await known(org.signIn('alice@example.com'))
    const { ends } = watch(cookie)
    await request(url)
      .post('/')
      .set({ ...ownPage, Cookie: cookie })
      .expect(204)
    await okta.forget({ userId: org.users[0]?.userId ?? '' })
    await okta.close()
    expect(ends).toEqual(['signed_out'])
  })
})

describe('scheduled lookups', () => {
  it('a watch looks its session up every maxTtlMs, and no sooner', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const parts = await open({ okta: { cache: { ttlMs: 5_000, maxTtlMs: 20_000 } } })
    const { org, watch, known } = parts
    const cookie = await known(org.signIn('alice@example.com'))
    const { ends } = watch(cookie)
    await pass(parts, 19_000)
    expect(org.calls.getCurrentSession).toBe(1)
    await pass(parts, 1_000)
    expect(org.calls.getCurrentSession).toBe(2)
    org.endSession(cookie)
    await pass(parts, 19_000)
    expect(ends).toEqual([])
    await pass(parts, 1_000)
    expect(ends).toEqual(['not_found'])
    expect(org.calls.getCurrentSession).toBe(3)
  })

  it('a watch looks its session up at expiresAt, which Okta may have moved', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const parts = await open({ org: { idleMinutes: 1 } })
    const { org, watch, known } = parts
    const cookie = await known(org.signIn('alice@example.com'))
    const { ends } = watch(cookie)
    await pass(parts, 30_000)
    await fetch(`${org.url}/api/v1/sessions/me/lifecycle/refresh`, {
      method: 'POST',
      headers: { cookie },
    })
    await pass(parts, 31_000)
    expect(org.calls.getCurrentSession).toBe(2)
    expect(ends).toEqual([])
    await pass(parts, 31_000)
    expect(ends).toEqual(['not_found'])
  })

  it('a watch ends as not_found when its session has become another user’s', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const parts = await open({ okta: { cache: { ttlMs: 5_000, maxTtlMs: 20_000 } } })
    const { org, okta, watch, known } = parts
    const { ends } = watch(await known(org.signIn('alice@example.com')))
    await pass(parts, 1_000)
    org.fail({ kind: 'fields', set: { userId: '00u-of-bob', login: 'bob@example.com' } })
    await pass(parts, 20_000)
    expect(ends).toEqual(['not_found'])
    expect(okta.stats().watched).toBe(0)
  })

  it('a watch ends when forget() causes a lookup and the session is another user’s', async () => {
    const { org, okta, watch, known } = await open()
    const cookie = await known(org.signIn('alice@example.com'))
    const { ends } = watch(cookie)
    await expect.poll(() => okta.stats().watched).toBe(1)
    org.fail({ kind: 'fields', set: { userId: '00u-of-bob' } })
    await okta.forget({ userId: org.sessions[0]?.userId ?? '' })
    await expect.poll(() => ends).toEqual(['not_found'])
  })

  it('a watch goes on when Okta gave the session another id of the same user', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const parts = await open({ okta: { cache: { ttlMs: 5_000, maxTtlMs: 20_000 } } })
    const { org, okta, watch, known } = parts
    const { ends } = watch(await known(org.signIn('alice@example.com')))
    await pass(parts, 1_000)
    org.fail({ kind: 'fields', set: { id: 'another-id' } })
    await pass(parts, 20_000)
    expect(org.calls.getCurrentSession).toBe(2)
    expect([ends, okta.stats().watched]).toEqual([[], 1])
    // After a forget of the new id it is looked up again.
    await okta.forget({ sessionId: 'another-id' })
    await landed(parts)
    expect(org.calls.getCurrentSession).toBe(3)
  })

  it('an outage ends no watch before expiresAt has passed', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const parts = await open({
      org: { idleMinutes: 1 },
      okta: { cache: { ttlMs: 5_000, maxTtlMs: 10_000 } },
    })
    const { org, watch, known } = parts
    const { ends } = watch(await known(org.signIn('alice@example.com')))
    await pass(parts, 1_000)
    org.fail({ kind: 'html' })
    await pass(parts, 57_000)
    expect(ends).toEqual([])
    await pass(parts, 5_000)
    expect(ends).toEqual(['unavailable'])
    // One attempt a second at most, however long it lasts.
    expect(org.calls.getCurrentSession).toBeLessThanOrEqual(55)
  })
})

describe('a request that has no session to watch', () => {
  it.each<[string, string | undefined, SessionEnd]>([
    ['no cookie', undefined, 'not_found'],
    ['a malformed cookie', 'idx=%31', 'not_found'],
    ['an unknown cookie', 'idx=unknown', 'not_found'],
  ])(
    'a watch without a session reports its end after watch() has returned: %s',
    async (_, cookie, end) => {
      const { watch, okta } = await open()
      const { ends } = watch(cookie)
      expect(ends).toEqual([])
      await expect.poll(() => ends).toEqual([end])
      expect(okta.stats().watched).toBe(0)
    },
  )

  it('a watch without a session reports its reason: signed out, unavailable, incomplete', async () => {
    const { org, okta, watch } = await open()
    const url = await serve((req, res) => okta.logout()(req, res, () => {}))
    const left = org.signIn('alice@example.com')
    await request(url)
      .post('/')
      .set({ ...ownPage, Cookie: left })
      .expect(204)
    const signedOut = watch(left)
    await expect.poll(() => signedOut.ends).toEqual(['signed_out'])
    const incomplete = watch(org.signIn('alice@example.com', { status: 'MFA_REQUIRED' }))
    await expect.poll(() => incomplete.ends).toEqual(['not_found'])
    org.fail({ kind: 'html' })
    const silent = watch('idx=other')
    await expect.poll(() => silent.ends).toEqual(['unavailable'])
  })
})

describe('unwatch', () => {
  it('unwatch() stops the callback and the lookups', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const parts = await open()
    const { org, okta, watch, known } = parts
    const cookie = await known(org.signIn('alice@example.com'))
    const { ends, unwatch } = watch(cookie)
    await landed(parts)
    expect(okta.stats().watched).toBe(1)
    unwatch()
    unwatch()
    expect(okta.stats().watched).toBe(0)
    org.endSession(cookie)
    await pass(parts, 400_000)
    expect(ends).toEqual([])
    expect(org.calls.getCurrentSession).toBe(1)
  })

  it('unwatch() works before the first answer has come', async () => {
    const { org, okta, watch } = await open()
    const good = watch(org.signIn('alice@example.com'))
    const bad = watch('idx=unknown')
    good.unwatch()
    bad.unwatch()
    await okta.settled()
    await new Promise(setImmediate)
    expect([good.ends, bad.ends, okta.stats().watched]).toEqual([[], [], 0])
  })
})

describe('a callback that throws', () => {
  it('a watch callback that throws is logged, and the others are called', async () => {
    const lines: unknown[] = []
    const { org, okta, watch, known } = await open({
      okta: { logger: { warn: (...line) => lines.push(line) } },
    })
    const cookie = await known(org.signIn('alice@example.com'))
    const boom = () => {
      throw new Error('boom')
    }
    okta.watch({ headers: { cookie } }, boom)
    const { ends } = watch(cookie)
    okta.watch({ headers: {} }, boom)
    await expect.poll(() => lines).toHaveLength(1)
    await okta.close()
    expect(ends).toEqual(['closed'])
    const line = [
      expect.stringMatching(/^A watch\(\) callback threw \(EOS138: /),
      { event: 'EOS138', org: new URL(org.url).host, error: 'Error: boom' },
    ]
    expect(lines).toEqual([line, line])
  })
})

describe('an async callback', () => {
  it('an async watch() callback that rejects is logged, and ends no process', async () => {
    const lines: unknown[] = []
    const { okta } = await open({ okta: { logger: { warn: (...line) => lines.push(line) } } })
    okta.watch({ headers: {} }, async () => {
      throw new Error('socket gone')
    })
    await expect.poll(() => lines).toHaveLength(1)
    expect(lines).toEqual([
      [
        expect.stringMatching(/^A watch\(\) callback threw \(EOS138: /),
        { event: 'EOS138', org: expect.any(String), error: 'Error: socket gone' },
      ],
    ])
  })
})

describe('close()', () => {
  it('close() ends every watch, and later ones at once', async () => {
    const { org, okta, watch, known } = await open()
    const cookie = await known(org.signIn('alice@example.com'))
    const before = watch(cookie)
    await new Promise(setImmediate)
    const inBetween = watch(cookie)
    await okta.close()
    const after = watch(cookie)
    for (const { ends } of [before, inBetween, after])
      await expect.poll(() => ends).toEqual(['closed'])
    expect(okta.stats().watched).toBe(0)
  })
})

describe('a mistake', () => {
  it('watch() throws a TypeError for invalid arguments', async () => {
    const { okta } = await open()
    expect(() => okta.watch({ headers: {} }, undefined as never)).toThrow(/onEnd is a function/)
    expect(() => okta.watch({} as never, () => {})).toThrow(/no headers to read/)
    expect(() => okta.watch({ headers: { Cookie: 'idx=a' } }, () => {})).toThrow(/lower case/)
  })
})

describe('many watched sessions', () => {
  it('a sign-out costs no look at the sessions that it does not concern', async () => {
    const parts = await open()
    const { org, okta, watch, known } = parts
    const cookie = await known(org.signIn('alice@example.com'))
    const watches = Array.from({ length: 200 }, () => watch(cookie))
    const other = watch(await known(org.signIn('bob@example.com')))
    await landed(parts)
    expect(okta.stats().watched).toBe(201)
    const url = await serve((req, res) => okta.logout()(req, res, () => {}))
    const leave = (brought: string) =>
      request(url)
        .post('/')
        .set({ ...ownPage, Cookie: brought })
        .expect(204)
    const looks = vi.spyOn(RevocationLog.prototype, 'signOutOf')
    await leave('sid=junk')
    expect(looks.mock.calls.length).toBeLessThan(20)
    looks.mockRestore()
    await leave(cookie)
    await landed(parts)
    for (const { ends } of watches) expect(ends).toEqual(['signed_out'])
    expect(other.ends).toEqual([])
  })

  it('a watch hears of a revocation of the session that its cookie has since the last lookup', async () => {
    const parts = await open({ okta: { cache: { ttlMs: 1_000, maxTtlMs: 1_000 } } })
    const { org, okta, watch, known } = parts
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const cookie = await known(org.signIn('alice@example.com'))
    const { ends } = watch(cookie)
    const renewed = 'renewed-session'
    const stop = org.fail({ kind: 'fields', set: { id: renewed } })
    await pass(parts, 2_000)
    stop()
    org.endSession(cookie)
    await okta.forget({ sessionId: renewed })
    await landed(parts)
    expect(ends).toEqual(['not_found'])
  })
})
