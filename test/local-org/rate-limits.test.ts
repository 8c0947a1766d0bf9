import { describe, expect, it } from 'vitest'
import type { LocalOrg } from '../../src/local-org/index.js'
import { bodyOf, me, NOW, orgs, stillClock } from './orgs.js'

const start = orgs()

const figures = (answer: Response) =>
  ['limit', 'remaining', 'reset'].map((name) => Number(answer.headers.get(`x-rate-limit-${name}`)))

const byToken = (org: LocalOrg) =>
  fetch(`${org.url}/api/v1/sessions/102abc`, { headers: { authorization: `SSWS ${org.apiToken}` } })

describe('the rate limit', () => {
  it('the rate-limit window lasts a minute from its first request, and errors count', async () => {
    const org = await start({ rateLimitPerMinute: 3, clock: stillClock })
    org.clock.advance(10_000)
    const reset = NOW / 1_000 + 70
    expect(figures(await me(org, ''))).toEqual([3, 2, reset])
    org.clock.advance(30_000)
    expect(figures(await me(org, org.signIn('alice@example.com')))).toEqual([3, 1, reset])
    expect(figures(await fetch(`${org.url}/api/v1/sessions/`))).toEqual([3, 0, reset])

    const refused = await me(org, org.signIn('alice@example.com'))
    expect(refused.status).toBe(429)
    expect(figures(refused)).toEqual([3, 0, reset])
    expect(refused.headers.get('retry-after')).toBeNull()
    expect(refused.headers.get('date')).toBe('Tue, 15 Jan 2030 12:00:40 GMT')
    expect(await bodyOf(refused)).toMatchObject({
      errorCode: 'E0000047',
      errorSummary: 'API call exceeded rate limit due to too many requests.',
    })

    org.clock.advance(29_999)
    expect((await me(org, '')).status).toBe(429)
    org.clock.advance(1)
    expect(figures(await me(org, ''))).toEqual([3, 2, reset + 60])
  })

  it('a request over the rate limit has no effect', async () => {
    const org = await start({ rateLimitPerMinute: 1 })
    await me(org, '')
    const cookie = org.signIn('alice@example.com')
    await fetch(`${org.url}/api/v1/sessions/me`, { method: 'DELETE', headers: { cookie } })
    expect(org.sessions).toHaveLength(1)
  })

  it('an API token has half of the rate limit, out of the same window', async () => {
    const org = await start({ rateLimitPerMinute: 6 })
    expect(figures(await byToken(org)).slice(0, 2)).toEqual([3, 2])
    await byToken(org)
    await byToken(org)
    expect((await byToken(org)).status).toBe(429)
    expect(figures(await me(org, '')).slice(0, 2)).toEqual([6, 1])
    await me(org, '')
    expect((await me(org, '')).status).toBe(429)
  })

  it('the rate limit does not apply to pages and other parts of the API', async () => {
    const org = await start({ rateLimitPerMinute: 1 })
    await me(org, '')
    expect((await me(org, '')).status).toBe(429)
    const page = await fetch(`${org.url}/login/login.htm`)
    expect(page.status).toBe(200)
    expect(page.headers.get('x-rate-limit-limit')).toBeNull()
    const authn = await fetch(`${org.url}/api/v1/authn`, { method: 'POST', body: '{}' })
    expect(authn.status).toBe(401)
    expect(figures(authn)[0]).toBeGreaterThan(1)
  })

  it('the rate limit is practically none by default', async () => {
    const org = await start()
    expect(figures(await me(org, ''))[0]).toBe(1_000_000)
    expect(figures(await byToken(org))[0]).toBe(500_000)
  })
})

describe('the limit of requests at once', () => {
  it('the concurrency limit answers a 429 with zeros and a guessed reset', async () => {
    const org = await start({ maxConcurrent: 2, clock: stillClock })
    org.failNext({ kind: 'hang' }, { times: 2 })
    const hanging = [me(org, ''), me(org, '')].map((answer) => answer.catch(() => undefined))
    while (org.calls.getCurrentSession < 2) await new Promise((resolve) => setImmediate(resolve))
    const refused = await me(org, '')
    expect(refused.status).toBe(429)
    expect(figures(refused)).toEqual([0, 0, NOW / 1_000 + 60])
    expect(await bodyOf(refused)).toMatchObject({ errorCode: 'E0000047' })
    await org.close()
    await Promise.all(hanging)
  })

  it('the concurrency limit admits again when others are done', async () => {
    const org = await start({ maxConcurrent: 1 })
    expect((await me(org, '')).status).toBe(404)
    expect((await me(org, '')).status).toBe(404)
  })
})

describe('the Date header', () => {
  it('the Date header can differ from the org’s clock', async () => {
    const org = await start({ clock: stillClock, dateSkewMs: -90_000 })
    const answer = await me(org, org.signIn('alice@example.com'))
    expect(answer.headers.get('date')).toBe('Tue, 15 Jan 2030 11:58:30 GMT')
    expect(await bodyOf(answer)).toMatchObject({ expiresAt: '2030-01-15T14:00:00.000Z' })
  })
})
