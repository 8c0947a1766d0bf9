import { beforeEach, describe, expect, it } from 'vitest'
import type { OktaSession } from '../../src/okta-session-types.js'
import { TestClock } from '../session/lookup-world.js'
import { middleware, type TinyOrg, tinyOrg } from '../session/tiny-org.js'

describe('a cookie that is no cookie value', () => {
  const clock = new TestClock()
  let org: TinyOrg
  let okta: OktaSession

  beforeEach(async () => {
    org = await tinyOrg(clock)
    okta = middleware(org, clock, { cookies: ['idx', { name: 'app', as: 'sid' }] })
  })

  const stateFor = (cookie: string) => okta.authenticate({ headers: { cookie } })

  it.each([
    ['a quote', 'idx="102abc"'],
    ['an encoded semicolon', 'idx=102abc%3B'],
    ['a comma', 'idx=102abc,sid=x'],
    ['a line end', 'idx=102abc\r\nx: y'],
    ['a character beyond ASCII', 'idx=102abc\u0141'],
    ['nothing', 'idx='],
    ['more than a browser would keep', `idx=${'a'.repeat(4_097)}`],
    ['a space, under a name of our own', 'app=102 abc'],
  ])('a cookie with %s is invalid, and never reaches Okta', async (_, cookie) => {
    const before = org.calls
    expect(await stateFor(cookie)).toEqual({ state: 'anonymous', reason: 'invalid_cookie' })
    expect(await stateFor(cookie)).toEqual({ state: 'anonymous', reason: 'invalid_cookie' })
    expect(org.calls).toBe(before)
  })

  it('a malformed cookie stays invalid beside a cached session', async () => {
    expect((await stateFor('idx=102abc')).state).toBe('active')
    expect((await stateFor('idx=102abc"')).state).toBe('anonymous')
    expect((await stateFor('idx="102abc"')).state).toBe('anonymous')
    expect((await stateFor('idx=102abc')).state).toBe('active')
  })
})
