/** A guard that looks up a session a second time for one request. */
import express from 'express'
import type { Session, SessionRule } from 'express-okta-session'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { type Choices, page, startParts } from './door.js'

/** A page that tells which session the guard passed. */
async function open(rule: SessionRule, choices: Choices = {}) {
  const parts = await startParts(choices)
  const app = express()
  app.get('/', parts.okta.requireSession(rule), (req, res) => {
    const { login, amr } = parts.okta.session(req)
    res.json({ login, amr, attached: req.okta?.session?.amr })
  })
  const get = (cookie: string) => request(app).get('/').set(page).set('Cookie', cookie)
  const json = (cookie: string) =>
    request(app).get('/').set('Accept', 'application/json').set('Cookie', cookie)
  return { ...parts, get, json }
}

describe('the repeated lookup for a second factor', () => {
  const answers: readonly [string, (isAllowed: boolean) => boolean | Promise<boolean>][] = [
    ['a synchronous allow()', (isAllowed) => isAllowed],
    ['an asynchronous allow()', async (isAllowed) => isAllowed],
  ]

  it.each(answers)('%s decides on a session that gained a second factor', async (_, answer) => {
    const checked: Session[] = []
    const allow = (session: Session) => {
      checked.push(session)
      return answer(checked.length === 2)
    }
    const { org, clock, get } = await open({ mfa: true, allow })
    const cookie = await org.signIn('carol@example.com', { mfa: false })
    await get(cookie).expect(403)
    expect(checked).toEqual([])
    org.stepUp(cookie)
    clock.advance(1_001)
    await get(cookie).expect(403)
    expect(checked.map(({ amr }) => amr)).toEqual([expect.arrayContaining(['mfa'])])
    const { body } = await get(cookie).expect(200)
    expect(checked).toHaveLength(2)
    expect(body.amr).toContain('mfa')
  })

  it('the request carries the session that the repeated lookup for a second factor found', async () => {
    const { org, clock, get } = await open({ mfa: true })
    const cookie = await org.signIn('carol@example.com', { mfa: false })
    await get(cookie).expect(403)
    org.stepUp(cookie)
    clock.advance(1_001)
    const { body } = await get(cookie).expect(200)
    expect(body.attached).toContain('mfa')
  })

  it('allow() is not called when the repeated lookup for a second factor finds no session', async () => {
    const checked: unknown[] = []
    const allow = (session: unknown) => checked.push(session) > 0
    const { org, okta, clock, get } = await open({ mfa: true, allow })
    const cookie = await org.signIn('carol@example.com', { mfa: false })
    await get(cookie).expect(403)
    org.endSession((await okta.api.getCurrentSession(cookie)).id)
    clock.advance(1_001)
    const { headers } = await get(cookie).expect(302)
    expect(headers.location).toContain(org.url)
    expect(checked).toEqual([])
  })

  it('a page accepts a cached session that does not meet the rule for one second', async () => {
    const { org, clock, get } = await open({ mfa: true })
    const cookie = await org.signIn('carol@example.com', { mfa: false })
    await get(cookie).expect(403)
    org.stepUp(cookie)
    clock.advance(1_000)
    await get(cookie).expect(403)
    expect(org.calls.getCurrentSession).toBe(1)
    clock.advance(1)
    await get(cookie).expect(200)
    expect(org.calls.getCurrentSession).toBe(2)
  })
})

describe('a cookie whose session becomes another one while allow() is pending', () => {
  /** While `allow` is pending the session is forgotten, and Okta's answers change in these fields. */
  async function openChanging(set: Record<string, unknown>, rule: SessionRule = {}) {
    const checked: string[] = []
    const allow = async ({ login }: Session) => {
      checked.push(login)
      const { org, okta } = opened
      org.fail({ kind: 'fields', set })
      await okta.forget({ userId: org.sessions[0]?.userId ?? '' })
      await act()
      return true
    }
    let act = async (): Promise<unknown> => undefined
    const opened = await open({ ...rule, allow })
    const cookie = opened.org.signIn('alice@example.com')
    return {
      ...opened,
      cookie,
      checked,
      /** Does this while `allow` is pending. */
      meanwhile(step: () => Promise<unknown>) {
        act = step
      },
    }
  }
  const bob = { userId: '00u-of-bob', login: 'bob@example.com' }

  it('a guard does not pass another user on the answer allow() gave about the first', async () => {
    const { json, cookie, checked } = await openChanging(bob)
    const { body } = await json(cookie).expect(403)
    expect(body.code).toBe('forbidden')
    expect(checked).toEqual(['alice@example.com'])
  })

  it('a guard does not pass another user whom a concurrent request has looked up already', async () => {
    const { json, cookie, meanwhile, okta, org } = await openChanging(bob)
    meanwhile(async () => {
      const context = await okta.authenticate({ headers: { cookie } })
      expect(context.session).toMatchObject(bob)
    })
    const { body } = await json(cookie).expect(403)
    expect(body.code).toBe('forbidden')
    expect(org.calls.getCurrentSession).toBe(2)
  })

  it('check() does not pass another user on the answer allow() gave about the first', async () => {
    const { org, okta, clock } = await startParts()
    const cookie = org.signIn('alice@example.com')
    const allow = async () => {
      org.fail({ kind: 'fields', set: bob })
      await okta.forget({ userId: org.sessions[0]?.userId ?? '' })
      clock.advance(1)
      return true
    }
    expect(await okta.check({ headers: { cookie } }, { allow })).toMatchObject({
      ok: false,
      denial: { code: 'forbidden' },
    })
  })

  it('a guard passes a new session of the same user, and the request carries the new one', async () => {
    const set = { id: 'another-id', amr: ['pwd', 'mfa'] }
    const { json, cookie, checked, org } = await openChanging(set)
    const { body } = await json(cookie).expect(200)
    expect(body).toEqual({ login: 'alice@example.com', amr: set.amr, attached: set.amr })
    expect(checked).toEqual(['alice@example.com'])
    expect(org.calls.getCurrentSession).toBe(2)
  })

  it('a guard judges the session by its rule again when a concurrent request has looked it up again', async () => {
    const { json, cookie, meanwhile, okta } = await openChanging({ amr: ['sms'] }, { amr: ['pwd'] })
    meanwhile(() => okta.authenticate({ headers: { cookie } }))
    const { body } = await json(cookie).expect(403)
    expect(body.code).toBe('mfa_required')
  })
})

describe('an answer of Okta that grows old while allow() is pending', () => {
  it.each([
    ['maxStalenessMs', { maxStalenessMs: 5_000 }, 5_000, 5_001],
    ['a second, where maxStalenessMs is shorter', { maxStalenessMs: 500 }, 1_000, 1_001],
    ['maxTtlMs, where the rule sets no limit', {}, 299_999, 300_000],
  ])(
    'a guard looks the session up again when allow() takes longer than %s',
    async (_, rule, inTime, late) => {
      const allow = async ({ id }: Session) => {
        await new Promise((done) => setImmediate(done))
        org.endSession(id)
        clock.advance(pendingMs)
        return true
      }
      let pendingMs = inTime
      const { org, clock, json } = await open({ ...rule, allow })
      await json(org.signIn('alice@example.com')).expect(200)
      expect(org.calls.getCurrentSession).toBe(1)
      pendingMs = late
      await json(org.signIn('alice@example.com')).expect(401)
      expect(org.calls.getCurrentSession).toBe(3)
    },
  )
})
