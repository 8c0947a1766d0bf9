/** The org's keys, by which sharedSignals() verifies: cached, fetched once at a time, seldom, and kept through an outage. */
import { describe, expect, it } from 'vitest'
import { AUDIENCE, keyPair, keySet, startKeysOrg, startSignals } from './signals-app.js'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

async function open() {
  const app = await startSignals()
  const send = async () =>
    app.push(
      await app.org.securityEventToken(
        { type: 'session-revoked', user: 'alice@example.com' },
        AUDIENCE,
      ),
    )
  return { ...app, send, status: async () => (await send()).status }
}

describe('fetches', () => {
  it('one fetch serves many tokens', async () => {
    const { org, status } = await open()
    for (let i = 0; i < 5; i += 1) expect(await status()).toBe(202)
    expect(org.calls.keys).toBe(1)
  })

  it('the first tokens, all at once, share one fetch', async () => {
    const { org, status } = await open()
    expect(new Set(await Promise.all(Array.from({ length: 10 }, status)))).toEqual(new Set([202]))
    expect(org.calls.keys).toBe(1)
  })

  it('keys are fetched anew after ten minutes', async () => {
    const { org, status, clock } = await open()
    await status()
    clock.advance(10 * MINUTE)
    await status()
    expect(org.calls.keys).toBe(1)
    clock.advance(1)
    await status()
    expect(org.calls.keys).toBe(2)
  })

  it('unknown kids cause at most ten fetches in a row, and one more each ten seconds', async () => {
    const { sign, push, served, clock } = await startKeysOrg()
    expect((await push(await sign())).status).toBe(202)
    const stranger = async (kid: string) => (await push(await sign({}, { kid }))).status
    const statuses: number[] = []
    for (let i = 0; i < 15; i += 1) statuses.push(await stranger(`kid-${i}`))
    expect(statuses).toEqual([...Array(10).fill(400), ...Array(5).fill(503)])
    expect(served.fetches).toBe(11)
    // The org's own tokens are not held up.
    expect((await push(await sign({ jti: 'next' }))).status).toBe(202)
    clock.advance(10_000)
    expect([await stranger('a'), await stranger('b')]).toEqual([400, 503])
    expect(served.fetches).toBe(12)
  })
})

describe('rotation', () => {
  it.each([true, false])(
    'a token by a new key is verified at once: old key kept %s',
    async (keepOld) => {
      const { org, status, push } = await open()
      expect(await status()).toBe(202)
      const event = { type: 'session-revoked', user: 'alice@example.com' }
      const old = await org.securityEventToken(event, AUDIENCE)
      await org.rotateSigningKey({ keepOld })
      expect(await status()).toBe(202)
      expect(org.calls.keys).toBe(2)
      const reply = await push(old)
      expect(reply.status).toBe(keepOld ? 202 : 400)
      if (!keepOld) expect(JSON.parse(reply.text)).toMatchObject({ err: 'invalid_key' })
    },
  )
})

describe('outages', () => {
  it('the first token while Okta is down is answered 503, the next after a pause is verified', async () => {
    const { org, clock, send, status, okta } = await open()
    const recover = org.fail({ kind: 'status', status: 503 })
    const reply = await send()
    expect([reply.status, JSON.parse(reply.text)]).toMatchObject([
      503,
      { code: 'keys_unavailable' },
    ])
    expect(reply.headers.get('retry-after')).toBe('5')
    const fetches = org.calls.keys
    expect(await status()).toBe(503)
    expect(org.calls.keys).toBe(fetches)
    recover()
    clock.advance(5_000)
    expect(await status()).toBe(202)
    expect(okta.stats().pushes).toEqual({ events: 1, revocations: 1, refused: 2 })
  })

  it('cached keys verify for a day while they can’t be fetched', async () => {
    const { org, clock, status } = await open()
    expect(await status()).toBe(202)
    org.fail({ kind: 'status', status: 503 }, { operation: 'keys' })
    clock.advance(24 * HOUR)
    expect(await status()).toBe(202)
    clock.advance(5_001)
    expect(await status()).toBe(503)
  })

  it.each<[string, { status?: number; type?: string; body?: string }]>([
    ['HTML', { type: 'text/html', body: '<p>Hello</p>' }],
    ['no JSON', { body: '{"keys":' }],
    ['another object', { body: '{"kids":[]}' }],
    ['no keys', { body: keySet() }],
    ['keys that are none', { body: JSON.stringify({ keys: [null, 7, [], 'x', {}] }) }],
    ['a secret key', { body: keySet({ kty: 'oct', k: 'c2VjcmV0', kid: 'the-key', alg: 'HS256' }) }],
    ['a key without its members', { body: keySet({ kty: 'RSA', kid: 'the-key' }) }],
    ['404', { status: 404, body: '{}' }],
    ['204', { status: 204, body: '' }],
  ])('an answer without public keys is no answer: %s', async (_, answer) => {
    const { sign, push, served, clock, key } = await startKeysOrg()
    Object.assign(served, answer)
    expect((await push(await sign())).status).toBe(503)
    Object.assign(served, { status: 200, type: 'application/json', body: keySet(key.jwk) })
    clock.advance(5_000)
    expect((await push(await sign())).status).toBe(202)
    // Keys that were fetched before stay in use.
    Object.assign(served, answer)
    clock.advance(11 * MINUTE)
    expect((await push(await sign({ jti: 'later' }))).status).toBe(202)
  })

  it('a private or unknown key beside the org’s is passed over', async () => {
    const { sign, push, served, key } = await startKeysOrg()
    const leaked = { ...key.jwk, d: 'AAAA', kid: 'leaked' }
    served.body = keySet({ kty: 'new' }, { kty: 'oct', k: 'AAAA', kid: 'the-key' }, leaked, key.jwk)
    expect((await push(await sign())).status).toBe(202)
    expect((await push(await sign({}, { kid: 'leaked' }))).status).toBe(400)
  })

  it('a key of an elliptic curve verifies', async () => {
    const { sign, push, served } = await startKeysOrg()
    const curve = await keyPair('curve', 'ES256')
    served.body = keySet(curve.jwk)
    const token = await sign({}, { alg: 'ES256', kid: 'curve' }, curve)
    expect((await push(token)).status).toBe(202)
    expect(served.fetches).toBe(1)
  })
})
