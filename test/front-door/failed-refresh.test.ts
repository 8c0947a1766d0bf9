/** A refresh that failed is not tried again for a while, whichever handler would try it. */
import express from 'express'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { api, ownPage, page, serve, startParts } from './door.js'

async function open({ everyMs = 60_000, everyMsOfActivity = 300_000 } = {}) {
  const parts = await startParts()
  const { okta, org } = parts
  const app = express()
  app.use(okta.attachSession(), okta.refreshOnActivity({ everyMs: everyMsOfActivity }))
  app.post('/refresh', okta.refresh({ everyMs }))
  app.get('/', okta.requireSession(), (_req, res) => void res.end())
  const url = await serve(app)
  const cookie = org.signIn('alice@example.com')
  const refresh = () =>
    request(url)
      .post('/refresh')
      .set({ ...api, ...ownPage, Cookie: cookie })
  const click = async () => {
    await request(url)
      .get('/')
      .set({ ...page, 'Sec-Fetch-Site': 'same-origin', 'Sec-Fetch-User': '?1', Cookie: cookie })
      .expect(200)
    await okta.settled()
  }
  await request(url)
    .get('/')
    .set({ ...api, Cookie: cookie })
    .expect(200)
  const failAll = () =>
    org.fail(
      { kind: 'status', status: 503, errorCode: 'E0000010' },
      { operation: 'refreshCurrentSession' },
    )
  const calls = () => org.calls.refreshCurrentSession
  return { ...parts, refresh, click, failAll, calls }
}

describe('a refresh that failed', () => {
  it('refresh() repeats the failure for ten seconds, with what is left as Retry-After, and without a call', async () => {
    const { clock, refresh, failAll, calls } = await open()
    failAll()
    await refresh().expect(503)
    expect(calls()).toBe(1)
    clock.advance(4_000)
    const again = await refresh().expect(503)
    expect(again.headers['retry-after']).toBe('6')
    expect(again.body).toMatchObject({ code: 'okta_unavailable', reason: 'server_error' })
    expect(calls()).toBe(1)
    clock.advance(6_000)
    await refresh().expect(503)
    expect(calls()).toBe(2)
  })

  it('refreshOnActivity() tries it once in ten seconds, however many pages are opened', async () => {
    const { clock, click, failAll, calls } = await open()
    failAll()
    for (let i = 0; i < 20; i += 1) await click()
    expect(calls()).toBe(1)
    clock.advance(10_000)
    for (let i = 0; i < 20; i += 1) await click()
    expect(calls()).toBe(2)
  })

  it('a refresh that failed rests whichever handler tried it', async () => {
    const { refresh, click, failAll, calls } = await open()
    failAll()
    await click()
    await refresh().expect(503)
    expect(calls()).toBe(1)
  })

  it('a refresh that failed rests for everyMs where that is shorter', async () => {
    const { clock, refresh, failAll, calls } = await open({ everyMs: 2_000 })
    failAll()
    await refresh().expect(503)
    clock.advance(1_999)
    await refresh().expect(503)
    expect(calls()).toBe(1)
    clock.advance(1)
    await refresh().expect(503)
    expect(calls()).toBe(2)
  })

  it('a refresh does not rest where no call was made', async () => {
    const { org, okta, clock, refresh, failAll, calls } = await open()
    const app = express()
    app.post('/refresh', okta.refresh())
    failAll()
    // The failures of five other sessions open the circuit of refreshes.
    for (let i = 0; i < 5; i += 1)
      await request(app)
        .post('/refresh')
        .set({ ...api, ...ownPage, Cookie: org.signIn('bob@example.com') })
        .expect(503)
    const rejected = await refresh().expect(503)
    expect(rejected.body.reason).toBe('breaker_open')
    expect(calls()).toBe(5)
    org.clearFaults()
    clock.advance(1_200)
    expect((await refresh().expect(200)).body.refreshed).toBe(true)
  })

  it('a refresh that succeeds ends the rest', async () => {
    const { org, clock, refresh, failAll, calls } = await open()
    failAll()
    await refresh().expect(503)
    org.clearFaults()
    clock.advance(10_000)
    expect((await refresh().expect(200)).body.refreshed).toBe(true)
    expect((await refresh().expect(200)).body.refreshed).toBe(false)
    expect(calls()).toBe(2)
  })

  it('a failed refresh of one session leaves the refreshes of others alone', async () => {
    const { org, okta, refresh, failAll, calls } = await open()
    failAll()
    await refresh().expect(503)
    org.clearFaults()
    const app = express()
    app.post('/refresh', okta.refresh())
    const bob = org.signIn('bob@example.com')
    const answer = await request(app)
      .post('/refresh')
      .set({ ...api, ...ownPage, Cookie: bob })
      .expect(200)
    expect(answer.body.refreshed).toBe(true)
    expect(calls()).toBe(2)
  })
})
