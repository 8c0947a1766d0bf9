import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { Fault, LocalOrg } from '../../src/local-org/index.js'
import { bodyOf, me, orgs } from './orgs.js'
import { askMe, type RawAnswer } from './raw-exchange.js'

const start = orgs()

async function spoilt(fault: Fault, waitMs?: number): Promise<RawAnswer> {
  const org = await start()
  const cookie = org.signIn('alice@example.com')
  org.failNext(fault)
  const answer = await askMe(org.url, cookie, waitMs)
  expect(org.faults).toEqual([])
  const next = await askMe(org.url, cookie)
  expect(next.head).toBe('HTTP/1.1 200 OK')
  return answer
}

const valuesOf = (answer: RawAnswer, name: string) =>
  answer.headers.filter(([key]) => key === name).map(([, value]) => value)

const jsonOf = (answer: RawAnswer): unknown => JSON.parse(answer.body.toString())

describe('an answer of another kind, seen from a raw socket', () => {
  it.each([
    [500, 'E0000009'],
    [503, 'E0000010'],
    [403, 'E0000006'],
    [401, 'E0000011'],
    [404, 'E0000007'],
    [429, 'E0000047'],
    [418, 'E0000009'],
  ])('a fault may be status %i in Okta’s envelope with %s', async (status, errorCode) => {
    const answer = await spoilt({ kind: 'status', status })
    expect(answer.head).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(jsonOf(answer)).toMatchObject({ errorCode, errorLink: errorCode, errorCauses: [] })
    expect(valuesOf(answer, 'content-type')).toEqual(['application/json'])
    expect(valuesOf(answer, 'x-rate-limit-limit')).toHaveLength(1)
    expect(valuesOf(answer, 'x-okta-request-id')).toHaveLength(1)
  })

  it('a fault may be any envelope with any headers', async () => {
    const answer = await spoilt({
      kind: 'status',
      status: 400,
      errorCode: 'E0000999',
      errorSummary: 'Never seen',
      headers: { 'retry-after': '7' },
    })
    expect(jsonOf(answer)).toMatchObject({ errorCode: 'E0000999', errorSummary: 'Never seen' })
    expect(valuesOf(answer, 'retry-after')).toEqual(['7'])
  })

  it('a fault may be any body', async () => {
    const text = await spoilt({ kind: 'status', status: 404, body: 'no such host' })
    expect(valuesOf(text, 'content-type')).toEqual(['text/plain'])
    expect(text.body.toString()).toBe('no such host')
    const other = await spoilt({ kind: 'status', status: 200, body: [1, 2] })
    expect(jsonOf(other)).toEqual([1, 2])
  })

  it('a fault may be the 429 of a used-up window, without Retry-After', async () => {
    const answer = await spoilt({ kind: 'rate_limit' })
    expect(answer.head).toContain('429')
    expect(jsonOf(answer)).toMatchObject({ errorCode: 'E0000047' })
    expect(valuesOf(answer, 'x-rate-limit-limit')).toEqual(['1000000'])
    expect(valuesOf(answer, 'x-rate-limit-remaining')).toEqual(['0'])
    expect(valuesOf(answer, 'retry-after')).toEqual([])
  })

  it('a fault may be the concurrency 429, with limit and remaining 0', async () => {
    const answer = await spoilt({ kind: 'concurrency_limit' })
    expect(answer.head).toContain('429')
    expect(valuesOf(answer, 'x-rate-limit-limit')).toEqual(['0'])
    expect(valuesOf(answer, 'x-rate-limit-remaining')).toEqual(['0'])
  })

  it('a fault may be a page or a redirect', async () => {
    const page = await spoilt({ kind: 'html' })
    expect(page.head).toBe('HTTP/1.1 200 OK')
    expect(valuesOf(page, 'content-type')).toEqual(['text/html; charset=utf-8'])
    expect(page.body.toString()).toMatch(/^<!doctype html>/)
    const redirect = await spoilt({ kind: 'redirect' })
    expect(redirect.head).toBe('HTTP/1.1 302 Found')
    expect(valuesOf(redirect, 'location')[0]).toContain('/login/login.htm')
    const elsewhere = await spoilt({ kind: 'redirect', status: 307, location: 'http://[::1]/x' })
    expect(elsewhere.head).toContain('307')
    expect(valuesOf(elsewhere, 'location')).toEqual(['http://[::1]/x'])
  })
})

describe('Okta’s own answer, spoilt, seen from a raw socket', () => {
  it('a fault may delay Okta’s answer', async () => {
    const answer = await spoilt({ kind: 'delay', delayMs: 60 })
    expect(answer.head).toBe('HTTP/1.1 200 OK')
    expect(answer.arrivals[0]).toBeGreaterThanOrEqual(50)
  })

  it('a fault may break the JSON of Okta’s answer, at its full length', async () => {
    const answer = await spoilt({ kind: 'malformed_body' })
    expect(valuesOf(answer, 'content-length')).toEqual([String(answer.body.length)])
    expect(() => jsonOf(answer)).toThrow(SyntaxError)
  })

  it('a fault may make Okta’s answer huge', async () => {
    const answer = await spoilt({ kind: 'huge_body', bytes: 200_000 })
    expect(answer.body.length).toBeGreaterThan(200_000)
    expect(jsonOf(answer)).toMatchObject({ status: 'ACTIVE' })
  })

  it('a fault may compress Okta’s answer unasked', async () => {
    const answer = await spoilt({ kind: 'gzip_body' })
    expect(valuesOf(answer, 'content-encoding')).toEqual(['gzip'])
    expect(JSON.parse(gunzipSync(answer.body).toString())).toMatchObject({ status: 'ACTIVE' })
  })

  it('a fault may change or drop the content type', async () => {
    expect(valuesOf(await spoilt({ kind: 'content_type' }), 'content-type')).toEqual(['text/plain'])
    const none = await spoilt({ kind: 'content_type', contentType: null })
    expect(valuesOf(none, 'content-type')).toEqual([])
  })

  it('a fault may drop and mistype fields of Okta’s answer', async () => {
    const answer = await spoilt({ kind: 'fields', remove: ['login'], set: { expiresAt: 5 } })
    expect(jsonOf(answer)).toMatchObject({ status: 'ACTIVE', expiresAt: 5 })
    expect(jsonOf(answer)).not.toHaveProperty('login')
  })

  it('a fault may send headers twice, with different values', async () => {
    const answer = await spoilt({ kind: 'duplicate_headers' })
    for (const name of ['date', 'x-rate-limit-limit', 'x-rate-limit-reset']) {
      expect(new Set(valuesOf(answer, name)).size, name).toBe(2)
    }
    const one = await spoilt({ kind: 'duplicate_headers', names: ['content-type'] })
    expect(valuesOf(one, 'content-type')).toHaveLength(2)
    expect(valuesOf(one, 'date')).toHaveLength(1)
  })

  it('a fault may add cookies that are not the session’s', async () => {
    const answer = await spoilt({ kind: 'set_cookie' })
    expect(valuesOf(answer, 'set-cookie').length).toBeGreaterThan(3)
    const own = await spoilt({ kind: 'set_cookie', lines: ['a=b', 'c=d'] })
    expect(valuesOf(own, 'set-cookie')).toEqual(['a=b', 'c=d'])
  })
})

describe('a connection that fails, seen from a raw socket', () => {
  it('a fault may hang before the headers', async () => {
    const answer = await spoilt({ kind: 'hang' }, 80)
    expect(answer).toMatchObject({ head: '', ending: 'still_open' })
  })

  it('a fault may reset the connection before the first byte', async () => {
    expect(await spoilt({ kind: 'reset' })).toMatchObject({ head: '', ending: 'reset' })
  })

  it('a fault may answer with no HTTP', async () => {
    const answer = await spoilt({ kind: 'not_http' })
    expect(answer.head).not.toContain('HTTP/1.1')
    expect(answer.head.length).toBeGreaterThan(0)
  })

  it('a fault may send the headers at once and the body in pieces', async () => {
    const answer = await spoilt({ kind: 'slow_body', overMs: 100 })
    expect(answer.arrivals.length).toBeGreaterThan(3)
    const [first = 0] = answer.arrivals
    expect((answer.arrivals.at(-1) ?? 0) - first).toBeGreaterThanOrEqual(80)
    expect(jsonOf(answer)).toMatchObject({ status: 'ACTIVE' })
  })

  it('a fault may end the connection within the body', async () => {
    const answer = await spoilt({ kind: 'truncated_body' })
    const [promised] = valuesOf(answer, 'content-length')
    expect(answer.body.length).toBe(Math.floor(Number(promised) / 2))
    expect(answer.ending).not.toBe('still_open')
  })
})

describe('switching faults on and off', () => {
  const statusOf = async (org: LocalOrg, cookie = '') => (await me(org, cookie)).status

  it('failNext() affects the next n answers', async () => {
    const org = await start()
    org.failNext({ kind: 'status', status: 500 }, { times: 2 })
    const statuses = [await statusOf(org), await statusOf(org), await statusOf(org)]
    expect(statuses).toEqual([500, 500, 404])
  })

  it('fail() affects every answer until it is stopped', async () => {
    const org = await start()
    const stop = org.fail({ kind: 'status', status: 502, body: 'bad' })
    expect(org.faults).toMatchObject([{ fault: { kind: 'status' }, timesLeft: undefined }])
    expect([await statusOf(org), await statusOf(org), await statusOf(org)]).toEqual([502, 502, 502])
    stop()
    expect(await statusOf(org)).toBe(404)
    org.fail({ kind: 'reset' })
    org.fail({ kind: 'hang' })
    org.clearFaults()
    expect(await statusOf(org)).toBe(404)
  })

  it('a fault may affect one operation alone', async () => {
    const org = await start()
    org.fail({ kind: 'status', status: 500 }, { operation: 'closeCurrentSession' })
    expect(await statusOf(org)).toBe(404)
    const close = await fetch(`${org.url}/api/v1/sessions/me`, { method: 'DELETE' })
    expect(close.status).toBe(500)
  })

  it('faults apply in the order they were switched on', async () => {
    const org = await start()
    org.failNext({ kind: 'status', status: 500 })
    const cancel = org.failNext({ kind: 'status', status: 501 })
    org.failNext({ kind: 'status', status: 502 })
    cancel()
    expect([await statusOf(org), await statusOf(org), await statusOf(org)]).toEqual([500, 502, 404])
  })

  it('a fault does not change the session unless the operation is to take effect', async () => {
    const org = await start()
    const cookie = org.signIn('alice@example.com')
    const close = () =>
      fetch(`${org.url}/api/v1/sessions/me`, { method: 'DELETE', headers: { cookie } })
    org.failNext({ kind: 'reset' })
    await expect(close()).rejects.toThrow()
    expect(await statusOf(org, cookie)).toBe(200)
    org.failNext({ kind: 'reset', performs: true })
    await expect(close()).rejects.toThrow()
    expect(await statusOf(org, cookie)).toBe(404)
  })

  it('a delayed answer is made when the request comes', async () => {
    const org = await start()
    const cookie = org.signIn('alice@example.com')
    org.failNext({ kind: 'delay', delayMs: 80 })
    const late = me(org, cookie)
    while (org.calls.getCurrentSession === 0) await new Promise((resolve) => setImmediate(resolve))
    org.endSession(cookie)
    expect((await late).status).toBe(200)
    expect(await statusOf(org, cookie)).toBe(404)
  })

  it('close() leaves no timer and no connection of a fault', async () => {
    const org = await start()
    org.fail({ kind: 'hang' })
    const hanging = me(org, '')
    org.fail({ kind: 'delay', delayMs: 60_000 })
    while (org.calls.getCurrentSession === 0) await new Promise((resolve) => setImmediate(resolve))
    await org.close()
    await expect(hanging).rejects.toThrow()
  })

  it.each([
    [{ kind: 'explode' }, /one of status, /],
    [{ kind: 'status' }, /needs status/],
    [{ kind: 'status', status: 99 }, /status of a fault must be a whole number from 200 to 599/],
    [{ kind: 'hang', status: 500 }, /has no status/],
    [{ kind: 'delay' }, /needs delayMs/],
    [{ kind: 'delay', delayMs: '5' }, /delayMs/],
    [{ kind: 'status', status: 500, headers: { a: 'b\r\nc: d' } }, /headers/],
    [{ kind: 'status', status: 500, headers: { 'a b': 'c' } }, /headers/],
    [{ kind: 'status', status: 500, body: 1n }, /body of a fault must be a JSON value/],
    [{ kind: 'redirect', location: 'http://localhost/\u2603' }, /location/],
    [{ kind: 'set_cookie', lines: ['a=b\n'] }, /lines/],
    [{ kind: 'toString' }, /kind/],
    [null, /object/],
  ])('an invalid fault is refused: %o', async (fault, message) => {
    const org = await start()
    // @ts-expect-error: what a JavaScript caller may write
    expect(() => org.failNext(fault)).toThrow(message)
  })

  it('faults apply to the other endpoints too', async () => {
    const org = await start()
    org.failNext({ kind: 'status', status: 503 }, { operation: 'keys' })
    const answer = await fetch(`${org.url}/oauth2/v1/keys`)
    expect(answer.status).toBe(503)
    expect(await bodyOf(answer)).toMatchObject({ errorCode: 'E0000010' })
  })
})
