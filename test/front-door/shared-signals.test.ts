/** sharedSignals(): Security Event Tokens (RFC 8417, pushed as RFC 8935 says) and what they revoke. */
import type { SessionEnd } from 'express-okta-session'
import { describe, expect, it } from 'vitest'
import {
  AUDIENCE,
  CAEP,
  revocationsFromNow,
  SESSION_REVOKED,
  servers,
  startSignals,
} from './signals-app.js'

const ALICE = 'alice@example.com'
const BOB = 'bob@example.com'

type App = Awaited<ReturnType<typeof startSignals>>
type Visitor = Awaited<ReturnType<App['visitor']>>

/** Alice and Bob, both in the cache. */
async function open(choices: Parameters<typeof startSignals>[0] = {}) {
  const app = await startSignals(choices)
  return { ...app, alice: await app.visitor(ALICE), bob: await app.visitor(BOB) }
}

describe.each(servers)('in %s', (server) => {
  it.each(['session-revoked', 'credential-change'])(
    'a %s event makes the next request of its user ask Okta again, and of no other user',
    async (type) => {
      const { org, url, okta, alice, bob, calls } = await open({ server })
      org.addSignals({ url, audience: AUDIENCE })
      expect([await calls(alice), await calls(bob)]).toEqual([0, 0])
      const [delivery] = await org.deliverSecurityEvent({ type, user: ALICE })
      expect(delivery).toMatchObject({ status: 202, delivered: true })
      expect([await calls(alice), await calls(bob)]).toEqual([1, 0])
      // The answer is cached again.
      expect(await calls(alice)).toBe(0)
      expect(okta.stats().pushes).toEqual({ events: 1, revocations: 1, refused: 0 })
    },
  )

  it('a 202 has no body and may not be cached', async () => {
    const { org, push } = await startSignals({ server })
    const token = await org.securityEventToken({ type: 'session-revoked', user: ALICE }, AUDIENCE)
    const reply = await push(token)
    expect([reply.status, reply.text]).toEqual([202, ''])
    expect(reply.headers.get('cache-control')).toBe('no-store')
  })

  it('a session that the org ended is refused at the first request after the push', async () => {
    const { org, url, alice, visit } = await open({ server })
    org.addSignals({ url, audience: AUDIENCE })
    org.endUserSessions(alice.userId)
    await org.pushesSettled()
    expect(org.pushes).toMatchObject([{ kind: 'security_event', status: 202 }])
    expect((await visit(alice.cookie)).status).toBe(401)
  })
})

type Subject = (alice: Visitor, iss: string) => Readonly<Record<string, unknown>>

const opaque = (id: string) => ({ format: 'opaque', id })
const issSub = (iss: string, sub: string) => ({ format: 'iss_sub', iss, sub })
const email = (login: string) => ({ format: 'email', email: login })

const mapped: readonly [string, Subject][] = [
  ['iss_sub', ({ userId }, iss) => issSub(iss, userId)],
  ['opaque, a session', ({ id }) => opaque(id)],
  ['opaque, a user', ({ userId }) => opaque(userId)],
  ['email', ({ login }) => email(login)],
  ['email, in another case', ({ login }) => email(login.toUpperCase())],
  [
    'complex, a session of a user',
    ({ id, userId }, iss) => ({
      format: 'complex',
      session: opaque(id),
      user: issSub(iss, userId),
    }),
  ],
  [
    'complex, a session that is unknown here, of a user',
    ({ userId }, iss) => ({
      format: 'complex',
      session: opaque('another'),
      user: issSub(iss, userId),
    }),
  ],
  ['complex, a session alone', ({ id }) => ({ format: 'complex', session: opaque(id) })],
  [
    'complex, a user alone',
    ({ userId }, iss) => ({ format: 'complex', user: issSub(iss, userId) }),
  ],
  ['complex without the format', ({ login }) => ({ user: email(login), tenant: opaque('t') })],
  [
    'complex, an unmappable session of a user',
    ({ userId }, iss) => ({
      format: 'complex',
      session: { format: 'uri', uri: 'https://example.com/s' },
      user: issSub(iss, userId),
    }),
  ],
  [
    'aliases, one of which can be mapped',
    ({ login }) => ({
      format: 'aliases',
      identifiers: [{ format: 'phone_number', phone_number: '+12065550100' }, email(login)],
    }),
  ],
]

describe('subjects', () => {
  it.each(mapped)('a subject is mapped in the token and in the event: %s', async (_, subject) => {
    const { org, push, alice, bob, calls } = await open()
    const sub_id = subject(alice, org.url)
    const inToken = { type: 'session-revoked', subject: sub_id }
    const inEvent = { ...inToken, details: { subject: sub_id }, claims: { sub_id: undefined } }
    for (const event of [inToken, inEvent]) {
      const { status } = await push(await org.securityEventToken(event, AUDIENCE))
      expect(status).toBe(202)
      expect([await calls(alice), await calls(bob)]).toEqual([1, 0])
    }
  })

  it('a complex subject with a session revokes that session and not the others of its user', async () => {
    const { org, push, alice, visitor, calls } = await open()
    const second = await visitor(ALICE)
    const user = issSub(org.url, alice.userId)
    const subject = { format: 'complex', session: opaque(alice.id), user }
    await push(await org.securityEventToken({ type: 'session-revoked', subject }, AUDIENCE))
    expect([await calls(alice), await calls(second)]).toEqual([1, 0])
  })

  it('a JWT `sub` alone is a user of the issuer', async () => {
    const { org, push, alice, bob, calls } = await open()
    const claims = { sub_id: undefined, sub: alice.userId }
    const event = { type: 'session-revoked', user: ALICE, claims }
    expect((await push(await org.securityEventToken(event, AUDIENCE))).status).toBe(202)
    expect([await calls(alice), await calls(bob)]).toEqual([1, 0])
  })

  it.each<[string, Subject]>([
    ['a user of another issuer', ({ userId }) => issSub('https://other.example.com', userId)],
    ['a phone number', () => ({ format: 'phone_number', phone_number: '+12065550100' })],
    ['a decentralized identifier', () => ({ format: 'did', url: 'did:example:123456' })],
    ['a format that does not exist', ({ userId }) => ({ format: '__proto__', id: userId })],
    ['a device alone', () => ({ format: 'complex', device: opaque('device') })],
    [
      'aliases of such',
      () => ({ format: 'aliases', identifiers: [{ format: 'uri', uri: 'u:u' }] }),
    ],
  ])('a subject that can’t be mapped is accepted, and logged once: %s', async (_, subject) => {
    const { org, okta, push, alice, bob, calls, lines } = await open()
    const event = { type: 'session-revoked', subject: subject(alice, org.url) }
    const before = lines.length
    for (const each of [event, event])
      expect((await push(await org.securityEventToken(each, AUDIENCE))).status).toBe(202)
    expect([await calls(alice), await calls(bob)]).toEqual([0, 0])
    expect(lines.slice(before)).toMatchObject([
      { message: expect.stringContaining('revokes nothing') },
    ])
    expect(okta.stats().pushes).toEqual({ events: 2, revocations: 0, refused: 0 })
  })

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a text', '00u'],
    ['an array', [{ format: 'opaque', id: 'x' }]],
    ['an empty object', {}],
    ['iss_sub without sub', { format: 'iss_sub', iss: 'https://example.com' }],
    ['iss_sub without iss', { format: 'iss_sub', sub: '00u' }],
    ['iss_sub whose sub is an object', { format: 'iss_sub', iss: 'x', sub: {} }],
    ['an email that is none', { format: 'email', email: '' }],
    ['an opaque id that is a number', { format: 'opaque', id: 7 }],
    ['an opaque id of 513 characters', { format: 'opaque', id: 'x'.repeat(513) }],
    ['aliases without identifiers', { format: 'aliases' }],
    ['no aliases', { format: 'aliases', identifiers: [] }],
    ['21 aliases', { format: 'aliases', identifiers: Array(21).fill(opaque('x')) }],
    ['a malformed alias beside a good one', { format: 'aliases', identifiers: [opaque('x'), 7] }],
  ])('a malformed subject is refused: %s', async (_, sub_id) => {
    const { org, okta, push } = await startSignals()
    const revocations = revocationsFromNow()
    const event = { type: 'session-revoked', user: ALICE, claims: { sub_id } }
    const reply = await push(await org.securityEventToken(event, AUDIENCE))
    expect(reply.status).toBe(400)
    expect(JSON.parse(reply.text)).toMatchObject({ err: 'invalid_request' })
    expect(revocations).toEqual([])
    expect(okta.stats().pushes).toEqual({ events: 0, revocations: 0, refused: 1 })
  })
})

describe('events', () => {
  it.each([
    ['verification', 'verification'],
    ['stream updated', 'https://schemas.openid.net/secevent/ssf/event-type/stream-updated'],
    ['assurance level', `${CAEP}assurance-level-change`],
    ['a longer name', `${SESSION_REVOKED}/x`],
    ['another case', SESSION_REVOKED.toUpperCase()],
    ['a member of every object', 'constructor'],
  ])('an event of another type is accepted and revokes nothing: %s', async (_, type) => {
    const { org, okta, push, alice, calls } = await open()
    const user = type === 'verification' ? {} : { user: ALICE }
    const reply = await push(await org.securityEventToken({ type, ...user }, AUDIENCE))
    expect(reply.status).toBe(202)
    expect(await calls(alice)).toBe(0)
    expect(okta.stats().pushes).toEqual({ events: 1, revocations: 0, refused: 0 })
  })

  it('a token with several events revokes by those that revoke', async () => {
    const { org, push, alice, bob, calls } = await open()
    const events = {
      [`${CAEP}assurance-level-change`]: {},
      [SESSION_REVOKED]: { subject: email(ALICE) },
      [`${CAEP}credential-change`]: { subject: opaque(bob.userId) },
    }
    const claims = { events, sub_id: undefined }
    const event = { type: 'session-revoked', user: ALICE, claims }
    expect((await push(await org.securityEventToken(event, AUDIENCE))).status).toBe(202)
    expect([await calls(alice), await calls(bob)]).toEqual([1, 1])
  })

  it('a token that is delivered again is accepted and revokes nothing more', async () => {
    const { org, url, okta, alice, calls } = await open()
    const revocations = revocationsFromNow()
    org.addSignals({ url, audience: AUDIENCE })
    const event = { type: 'session-revoked', user: ALICE }
    const [first] = await org.deliverSecurityEvent(event, { copies: 1 })
    expect([first?.status, await calls(alice)]).toEqual([202, 1])
    const token = await org.securityEventToken({ ...event, claims: { jti: 'same' } }, AUDIENCE)
    const again = await Promise.all([1, 2, 3].map(() => fetchSet(url, token)))
    expect(again).toEqual([202, 202, 202])
    expect(await calls(alice)).toBe(1)
    expect(await fetchSet(url, token)).toBe(202)
    expect(await calls(alice)).toBe(0)
    expect(revocations).toHaveLength(2)
    expect(okta.stats().pushes).toEqual({ events: 5, revocations: 2, refused: 0 })
  })

  it('a watch reports the end of a suspended user’s session at the push', async () => {
    const { org, okta, url, alice, bob } = await open()
    org.addSignals({ url, audience: AUDIENCE })
    const ends: SessionEnd[] = []
    const others: SessionEnd[] = []
    okta.watch({ headers: { cookie: alice.cookie } }, (end) => ends.push(end))
    okta.watch({ headers: { cookie: bob.cookie } }, (end) => others.push(end))
    await expect.poll(() => okta.stats().watched).toBe(2)
    org.suspendUser(alice.userId)
    await expect.poll(() => ends).toEqual(['not_found'])
    await okta.settled()
    expect([others, okta.stats().watched]).toEqual([[], 1])
  })
})

async function fetchSet(url: string, body: string): Promise<number> {
  const headers = { 'content-type': 'application/secevent+jwt' }
  return (await fetch(url, { method: 'POST', body, headers })).status
}

describe('options', () => {
  it('the options of sharedSignals() are checked when the handler is made, all faults in one error', async () => {
    const { okta } = await startSignals()
    const options = {
      audience: '',
      issuer: [],
      universalLogout: { audience: 'x' },
      audiance: 's3cret',
    }
    const make = () => Reflect.apply(okta.sharedSignals, okta, [options])
    expect(make).toThrow(TypeError)
    for (const part of [/audience/, /issuer/, /universalLogout/, /audiance.*audience/])
      expect(make).toThrow(part)
    expect(make).not.toThrow(/s3cret/)
  })

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a text', AUDIENCE],
    ['an empty object', {}],
    ['audience undefined', { audience: undefined }],
    ['audience with blanks', { audience: ' x' }],
    ['no audience in the list', { audience: [] }],
    ['an empty audience in the list', { audience: [AUDIENCE, ''] }],
    ['an audience that is a URL object', { audience: new URL(AUDIENCE) }],
    ['issuer undefined', { audience: AUDIENCE, issuer: undefined }],
    ['an issuer that is a number', { audience: AUDIENCE, issuer: 1 }],
    ['universalLogout undefined', { audience: AUDIENCE, universalLogout: undefined }],
    ['universalLogout true', { audience: AUDIENCE, universalLogout: true }],
    ['universalLogout without clientId', { audience: AUDIENCE, universalLogout: {} }],
    ['an empty clientId', { audience: AUDIENCE, universalLogout: { clientId: '' } }],
    [
      'another member of universalLogout',
      { audience: AUDIENCE, universalLogout: { clientId: 'x', secret: 'y' } },
    ],
  ])('sharedSignals() throws a TypeError for %s', async (_, options) => {
    const { okta } = await startSignals()
    expect(() => Reflect.apply(okta.sharedSignals, okta, [options])).toThrow(TypeError)
  })

  it('a list of audiences or issuers accepts any of them, as it was when the handler was made', async () => {
    const audience = ['https://first.example.com', 'https://second.example.com']
    const issuer = ['https://login.example.com']
    const { org, push } = await startSignals({ signals: { audience, issuer } })
    audience.push('https://late.example.com')
    const statusOf = async (aud: string, iss: string) => {
      const event = { type: 'verification', claims: { iss } }
      return (await push(await org.securityEventToken(event, aud))).status
    }
    expect(await statusOf('https://second.example.com', 'https://login.example.com')).toBe(202)
    expect(await statusOf('https://late.example.com', 'https://login.example.com')).toBe(400)
    expect(await statusOf('https://second.example.com', org.url)).toBe(400)
  })

  it('an app without a store is told once that pushes reach this process only', async () => {
    const { okta, lines } = await startSignals()
    okta.sharedSignals({ audience: AUDIENCE })
    const told = lines.filter(({ message }) => message.includes('reaches this process only'))
    expect(told).toHaveLength(1)
  })
})
