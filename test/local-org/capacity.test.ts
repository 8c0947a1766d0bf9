import { networkInterfaces } from 'node:os'
import { describe, expect, it } from 'vitest'
import { CallLog } from '../../src/local-org/org/call-log.js'
import { ExpiringMap } from '../../src/local-org/org/expiring-map.js'
import { createOrgClock } from '../../src/local-org/org/org-clock.js'
import { PASSWORD_ONLY, Sessions } from '../../src/local-org/org/sessions.js'
import { DEFAULT_USERS, Users } from '../../src/local-org/org/users.js'
import { runs } from '../deep.js'
import { me, orgs, stillClock } from './orgs.js'

const MANY = runs(5_000, 100_000)
const start = orgs()

describe('many sessions', () => {
  it('many sessions are found, each by its own cookie', async () => {
    const org = await start()
    const cookies = Array.from({ length: MANY }, (_, index) =>
      org.signIn(index % 2 === 0 ? 'alice@example.com' : 'bob@example.com'),
    )
    for (const index of [0, MANY / 2 - 1, MANY - 1]) {
      expect((await me(org, cookies[index] ?? '')).status).toBe(200)
    }
    org.suspendUser(org.users[0]?.userId ?? '')
    expect(org.sessions).toHaveLength(MANY / 2)
  })

  it('expired sessions are dropped', () => {
    const clock = createOrgClock(stillClock)
    const limits = { idleMs: 60_000, lifetimeMs: 600_000 }
    const sessions = new Sessions(clock, 'classic', limits)
    const [alice] = new Users(DEFAULT_USERS).all
    if (alice === undefined) throw new Error('no user')
    let most = 0
    for (let count = 0; count < runs(10_000, 50_000); count += 1) {
      sessions.create(alice, PASSWORD_ONLY)
      clock.advance(100)
      most = Math.max(most, sessions.size)
    }
    // 600 are live at any time.
    expect(most).toBeLessThan(2_000)
    expect([...sessions.live()].length).toBeLessThanOrEqual(600)
  })
})

describe('retention', () => {
  it('the local org keeps a hundred calls and a minute of counts', () => {
    const log = new CallLog()
    for (let count = 0; count < 1_000; count += 1) {
      const call = { at: count, status: 200, durationMs: 1, fault: undefined } as const
      log.add({ ...call, call: 'getCurrentSession' }, count * 100)
    }
    expect(log.recent().map(({ at }) => at)).toEqual(Array.from({ length: 100 }, (_, i) => 999 - i))
    expect(log.perSecond(99_950)).toEqual(Array.from({ length: 60 }, () => 10))
    expect(log.perSecond(101_000).slice(-3)).toEqual([10, 0, 0])
    expect(Math.max(...log.perSecond(500_000))).toBe(0)
  })

  it('expired tokens are dropped, and their number is bounded', () => {
    const clock = createOrgClock(stillClock)
    const tokens = new ExpiringMap<number>(clock, 1_000, 3)
    for (const value of [1, 2, 3, 4]) tokens.set(`token ${value}`, value)
    expect(tokens.get('token 1')).toBeUndefined()
    expect(tokens.get('token 4')).toBe(4)
    clock.advance(1_000)
    expect(tokens.take('token 4')).toBeUndefined()
  })
})

describe('the address', () => {
  it('the local org’s address is reached by each name and address family of this machine', async () => {
    const org = await start()
    const { port } = new URL(org.url)
    const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
      addresses?.some(({ address }) => address === '::1'),
    )
    const hosts = ['localhost', '127.0.0.1', ...(hasIpv6 ? ['[::1]'] : [])]
    for (const host of hosts) {
      expect((await fetch(`http://${host}:${port}/api/v1/sessions/me`)).status).toBe(404)
    }
  })
})
