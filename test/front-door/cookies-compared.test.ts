/** What the further cookies of a request with a session cost, and when they may not be passed over. */
import express from 'express'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { type Choices, serve, startParts } from './door.js'

const ALICE = 'alice@example.com'
const BOB = 'bob@example.com'

async function open(choices: Choices = {}) {
  const parts = await startParts({ ...choices, org: { rateLimitPerMinute: 600, ...choices.org } })
  const app = express()
  app.get('/account', parts.okta.requireSession(), (req, res) => {
    res.json(parts.okta.session(req).login)
  })
  app.get('/info', parts.okta.sessionInfo())
  const url = await serve(app)
  const get = (path: string) => (cookie: string) => request(url).get(path).set('Cookie', cookie)
  /** Whose session the cookies stand for, or the reason why for none. */
  const whose = async (cookie: string, ip?: string) => {
    const context = await parts.okta.authenticate({ headers: { cookie }, ...(ip && { ip }) })
    return context.state === 'active' ? context.session.login : context.reason
  }
  return { ...parts, account: get('/account'), info: get('/info'), whose }
}

type Door = Awaited<ReturnType<typeof open>>

const idxOf = ({ org }: Door, login: string) => org.signIn(login)
const sidOf = ({ org }: Door, login: string) => org.signIn(login, { cookie: 'sid' })

/** Spends the failure budgets of four clients, and with them that of all clients. */
async function spendFailures({ whose }: Door): Promise<void> {
  for (let index = 0; index < 80; index += 1)
    await whose(`sid=junk-${index}`, `203.0.113.${index % 4}`)
}

const deadCookies = [
  ['behind', (door: Door, index: number) => `${idxOf(door, ALICE)}; sid=of-classic-${index}`],
  ['before', (door: Door, index: number) => `idx=left-over-${index}; ${sidOf(door, ALICE)}`],
] as const

describe('a cookie without a session beside a live one', () => {
  it.each(deadCookies)('%s it, rejects none of 120 new users at one address', async (_, both) => {
    const door = await open()
    for (let index = 0; index < 120; index += 1) await door.account(both(door, index)).expect(200)
    expect(door.org.calls.getCurrentSession).toBe(240)
  })

  it.each(deadCookies)('%s it, rejects none of 120 new users at as many', async (_, both) => {
    const door = await open()
    for (let index = 0; index < 120; index += 1)
      expect(await door.whose(both(door, index), `203.0.113.${index}`)).toBe(ALICE)
  })

  it.each(deadCookies)('%s it, rejects none of its own user’s requests', async (_, both) => {
    const door = await open()
    const cookie = both(door, 0)
    for (let second = 0; second < 300; second += 1) {
      expect([second, await door.whose(cookie)]).toEqual([second, ALICE])
      door.clock.advance(1_000)
    }
  })

  it.each([
    [
      'behind',
      (junk: string, live: (name: 'idx' | 'sid') => string) => `${live('idx')}; sid=${junk}`,
    ],
    [
      'before',
      (junk: string, live: (name: 'idx' | 'sid') => string) => `idx=${junk}; ${live('sid')}`,
    ],
  ] as const)('%s it, junk costs three calls a minute and session', async (_, join) => {
    const door = await open()
    const cookies = { idx: idxOf(door, BOB), sid: sidOf(door, BOB) }
    for (const cookie of Object.values(cookies)) await door.whose(cookie, '203.0.113.9')
    const before = door.org.calls.getCurrentSession
    const send = (junk: string) =>
      door.whose(
        join(junk, (name) => cookies[name]),
        '203.0.113.9',
      )
    for (let index = 0; index < 100; index += 1)
      expect(await send(`junk-${index}`)).toBe(index < 3 ? BOB : 'too_many_attempts')
    expect(door.org.calls.getCurrentSession - before).toBe(3)
    door.clock.advance(20_001)
    expect(await send('junk-of-later')).toBe(BOB)
    // Other clients and other users of the same address are charged nothing.
    for (let index = 0; index < 20; index += 1)
      expect(await door.whose(`idx=unknown-${index}`, '203.0.113.9')).toBe('not_found')
  })

  it('a live session with junk before it gives back no more failures than it may cause', async () => {
    const door = await open({
      okta: { upstream: { failedLookupsPerClient: { perSecond: 0.1, burst: 5 } } },
    })
    const live = sidOf(door, BOB)
    const answers = []
    for (let index = 0; index < 20; index += 1) {
      // Unseen each time: the cached session is not used.
      await door.okta.forget({ userId: door.org.users[1]?.userId ?? '' })
      answers.push(await door.whose(`idx=junk-${index}; ${live}`, '203.0.113.9'))
    }
    // Five of the client, three beside the session, and three that the session has earned.
    expect(answers.filter((answer) => answer === BOB).length).toBe(11)
  })
})

describe('what is known of further cookies', () => {
  it('what is known of further cookies stays known of real users while others send junk', async () => {
    const door = await open()
    const real = `${idxOf(door, ALICE)}; sid=of-classic`
    expect(await door.whose(real)).toBe(ALICE)
    const junk = idxOf(door, BOB)
    await door.whose(junk)
    for (let index = 0; index < 50_100; index += 1) await door.whose(`${junk}; sid=junk-${index}`)
    door.clock.advance(10_500)
    const before = door.org.calls.getCurrentSession
    expect(await door.whose(real)).toBe(ALICE)
    expect(door.org.calls.getCurrentSession).toBe(before)
  })
})

describe('a planted live cookie', () => {
  it('a planted live cookie gives no session, whatever failures others have caused', async () => {
    const door = await open()
    const [planted, own] = [idxOf(door, BOB), sidOf(door, ALICE)]
    expect(await door.whose(planted, '203.0.113.66')).toBe(BOB)
    await spendFailures(door)
    expect(await door.whose(`${planted}; ${own}`, '198.51.100.7')).toBe('ambiguous_cookie')
  })

  it('a planted live cookie gives no session when its own user has spent what it may cause', async () => {
    const door = await open()
    const [planted, own] = [idxOf(door, BOB), sidOf(door, ALICE)]
    for (let index = 0; index < 10; index += 1)
      await door.whose(`${planted}; sid=junk-${index}`, '203.0.113.66')
    const answer = await door.account(`${planted}; ${own}`).expect(429)
    expect(answer.body).toMatchObject({ code: 'too_many_attempts' })
    expect(Number(answer.headers['retry-after'])).toBeLessThanOrEqual(20)
    expect(answer.headers).not.toHaveProperty('set-cookie')
    door.clock.advance(20_001)
    expect(await door.whose(`${planted}; ${own}`)).toBe('ambiguous_cookie')
  })

  it('a planted live cookie gives no session while the rate-limit window is short', async () => {
    const door = await open({ org: { rateLimitPerMinute: 10 } })
    const [planted, own] = [idxOf(door, BOB), sidOf(door, ALICE)]
    for (let index = 0; index < 7; index += 1) await door.whose(idxOf(door, ALICE))
    await door.whose(planted)
    expect(await door.whose(`${planted}; ${own}`)).toBe('over_budget')
    await door.account(`${planted}; ${own}`).expect(503)
    expect(await door.whose(planted)).toBe(BOB)
  })

  it('a planted live cookie behind the visitor’s own gives no session when its user has spent what it may cause', async () => {
    const door = await open()
    const [own, planted] = [idxOf(door, ALICE), sidOf(door, BOB)]
    await door.whose(planted, '203.0.113.66')
    for (let index = 0; index < 10; index += 1)
      await door.whose(`idx=junk-${index}; ${planted}`, '203.0.113.66')
    expect(await door.whose(`${own}; ${planted}`)).toBe('too_many_attempts')
    door.clock.advance(20_001)
    expect(await door.whose(`${own}; ${planted}`)).toBe('ambiguous_cookie')
  })
})

describe('a first cookie that was never live here', () => {
  const both = (sid: string) => `idx=left-over; ${sid}`

  it('a first cookie that was never live hides no cached session while Okta is down', async () => {
    const door = await open({ okta: { cache: { negativeTtlMs: 1_000 } } })
    const sid = sidOf(door, ALICE)
    expect(await door.whose(both(sid))).toBe(ALICE)
    door.org.fail({ kind: 'status', status: 503 })
    door.clock.advance(2_000)
    for (let second = 0; second < 40; second += 1) {
      await door.account(both(sid)).expect(200, `"${ALICE}"`)
      door.clock.advance(1_000)
    }
    // Without a result of its own the rule cannot be applied.
    const strict = await door.okta.check({ headers: { cookie: both(sid) } }, { maxStalenessMs: 0 })
    expect(strict.ok).toBe(false)
  })

  it('a first cookie that was never live hides no cached session when others have spent the failure budgets', async () => {
    const door = await open({ okta: { cache: { negativeTtlMs: 1_000 } } })
    const sid = sidOf(door, ALICE)
    expect(await door.whose(both(sid))).toBe(ALICE)
    door.clock.advance(2_000)
    for (let index = 0; index < 40; index += 1) await door.account(`sid=junk-${index}`)
    await door.account('sid=junk').expect(429)
    await door.account(both(sid)).expect(200)
  })

  it('a first cookie that was never live hides a session that is not cached, and one that has a contradiction', async () => {
    const door = await open()
    const sid = sidOf(door, ALICE)
    const stop = door.org.fail({ kind: 'html' })
    await door.account(both(sid)).expect(503)
    stop()
    door.clock.advance(30_000)
    const idx = idxOf(door, BOB)
    expect(await door.whose(sid)).toBe(ALICE)
    expect(await door.whose(`${idx}; ${sid}`)).toBe('ambiguous_cookie')
  })

  it('a first cookie that was never live keeps a request that has had another session here from the cookie behind it', async () => {
    const door = await open({ okta: { cache: { ttlMs: 1_000, maxTtlMs: 1_000 } } })
    const [idx, sid] = [idxOf(door, BOB), sidOf(door, ALICE)]
    expect(await door.whose(idx)).toBe(BOB)
    door.clock.advance(1_500)
    expect(await door.whose(sid)).toBe(ALICE)
    door.org.fail({ kind: 'html' })
    await door.account(`${idx}; ${sid}`).expect(503)
  })
})

describe('sessionInfo()', () => {
  it.each([
    ['first', (idx: string, sid: string) => `${idx}; ${sid}`],
    ['last', (idx: string, sid: string) => `${sid}; ${idx}`],
  ])(
    'shows what the guard decides about an unseen second cookie: the cached one %s',
    async (_, join) => {
      const door = await open()
      const [idx, sid] = [idxOf(door, BOB), sidOf(door, ALICE)]
      expect(await door.whose(idx)).toBe(BOB)
      const both = join(idx, sid)
      const ambiguous = { state: 'anonymous', reason: 'ambiguous_cookie' }
      expect((await door.info(both).expect(200)).body).toMatchObject(ambiguous)
      await door.account(both).expect(401)
      expect((await door.info(both).expect(200)).body).toMatchObject(ambiguous)
      expect(door.org.calls.getCurrentSession).toBe(2)
    },
  )

  it('looks a second cookie without a session up once', async () => {
    const door = await open()
    const idx = idxOf(door, BOB)
    for (let poll = 0; poll < 5; poll += 1) {
      const { body } = await door.info(`${idx}; sid=of-classic`).expect(200)
      expect(body).toMatchObject({ state: 'active', user: { login: BOB } })
      door.clock.advance(11_000)
    }
    expect(door.org.calls.getCurrentSession).toBe(2)
  })
})
