/** A rule that asks for a fresh answer takes the one that this very request has caused. */
import express from 'express'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { api, serve, startParts } from './door.js'

async function open(between?: (clock: { advance(ms: number): void }) => void) {
  const parts = await startParts()
  const { okta, org, clock } = parts
  const app = express()
  app.use(okta.attachSession())
  app.use((_req, _res, next) => {
    between?.(clock)
    next()
  })
  const fresh = okta.requireSession({ maxStalenessMs: 0 })
  app.get('/', (_req, res) => void res.end())
  app.get('/fresh', fresh, (_req, res) => void res.end())
  app.get('/twice', okta.requireSession(), fresh, fresh, (_req, res) => void res.end())
  const url = await serve(app)
  const cookie = org.signIn('alice@example.com')
  const get = (path: string) =>
    request(url)
      .get(path)
      .set({ ...api, Cookie: cookie })
  const calls = () => org.calls.getCurrentSession
  return { ...parts, get, calls, cookie, url }
}

describe('requireSession({ maxStalenessMs: 0 })', () => {
  it.each(['/fresh', '/twice'])(
    'maxStalenessMs: 0 makes no second call behind a cold attachSession(): %s',
    async (path) => {
      const { get, calls } = await open()
      await get(path).expect(200)
      expect(calls()).toBe(1)
    },
  )

  it('maxStalenessMs: 0 makes a call of its own behind an attachSession() that found a cached session', async () => {
    const { get, calls } = await open()
    await get('/').expect(200)
    await get('/fresh').expect(200)
    expect(calls()).toBe(2)
  })

  it('maxStalenessMs: 0 makes a call of its own when the answer arrived more than a second ago', async () => {
    const { get, calls } = await open((clock) => clock.advance(1_001))
    await get('/fresh').expect(200)
    expect(calls()).toBe(2)
  })

  it('maxStalenessMs: 0 makes a call of its own when another request had started the lookup', async () => {
    const { org, get, calls, clock } = await open()
    org.failNext({ kind: 'delay', delayMs: 300 }, { operation: 'getCurrentSession' })
    const first = get('/').expect(200)
    const started = first.then(() => {})
    await expect.poll(calls).toBe(1)
    clock.advance(100)
    await get('/fresh').expect(200)
    await started
    expect(calls()).toBe(2)
  })

  it('refuses a session that was revoked after its answer arrived', async () => {
    const { org, okta, get } = await open(() => {
      const [session] = org.sessions
      if (session === undefined) return
      org.endSession(session.id)
      void okta.forget({ userId: session.userId })
    })
    await get('/fresh').expect(401)
  })
})
