import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import type { LocalOrg } from '../../src/local-org/index.js'
import { bodyOf, NOW, orgs, stillClock } from './orgs.js'
import { type Receiver, receivers, status } from './receiver.js'

const start = orgs()
const receive = receivers()

const AUDIENCE = 'https://app.example.com'
const CLIENT_ID = '0oa1example'
const CAEP = 'https://schemas.openid.net/secevent/caep/event-type'

async function withReceivers() {
  const [org, signals, logout] = await Promise.all([
    start({ clock: stillClock }),
    receive(),
    receive(),
  ])
  org.addSignals({ url: signals.url, audience: AUDIENCE })
  org.addUniversalLogout({ url: logout.url, clientId: CLIENT_ID })
  const [alice] = org.users
  if (alice === undefined) throw new Error('The org has no user')
  return { org, signals, logout, alice }
}

function verify(org: LocalOrg, token: string, audience = AUDIENCE, typ = 'secevent+jwt') {
  const keys = createRemoteJWKSet(new URL(`${org.url}/oauth2/v1/keys`))
  return jwtVerify(token, keys, {
    issuer: org.url,
    audience,
    typ,
    algorithms: ['RS256'],
    currentDate: new Date(NOW),
  })
}

const tokenOf = (receiver: Receiver, index = 0) => receiver.posts[index]?.body ?? ''
const bearerOf = (receiver: Receiver) =>
  receiver.posts[0]?.headers.authorization?.replace('Bearer ', '') ?? ''

async function publishedKids(org: LocalOrg): Promise<unknown> {
  const { keys } = await bodyOf(await fetch(`${org.url}/oauth2/v1/keys`))
  return Array.isArray(keys) ? keys.map(({ kid }) => kid) : keys
}

describe('Security Event Tokens', () => {
  it('the end of all sessions of a user pushes a session-revoked event that the org signed', async () => {
    const { org, signals, alice } = await withReceivers()
    signals.replies.push(status(202))
    org.endUserSessions(alice.userId)
    await org.pushesSettled()
    expect(signals.posts).toHaveLength(1)
    expect(signals.posts[0]?.headers).toMatchObject({
      'content-type': 'application/secevent+jwt',
      accept: 'application/json',
    })
    const { payload } = await verify(org, tokenOf(signals))
    expect(payload).toEqual({
      iss: org.url,
      aud: AUDIENCE,
      iat: NOW / 1_000,
      jti: expect.any(String),
      sub_id: { format: 'iss_sub', iss: org.url, sub: alice.userId },
      events: {
        [`${CAEP}/session-revoked`]: {
          event_timestamp: NOW / 1_000,
          initiating_entity: 'admin',
          reason_admin: { en: expect.any(String) },
        },
      },
    })
    expect(org.pushes).toContainEqual(
      expect.objectContaining({
        kind: 'security_event',
        status: 202,
        delivered: true,
        events: [`${CAEP}/session-revoked`],
      }),
    )
  })

  it('a suspension pushes a Security Event Token and no Universal Logout; a revoked session neither', async () => {
    const { org, signals, logout, alice } = await withReceivers()
    org.endSession(org.signIn(alice.login))
    await org.pushesSettled()
    expect(signals.posts).toEqual([])
    org.suspendUser(alice.userId)
    await org.pushesSettled()
    expect(signals.posts).toHaveLength(1)
    expect(logout.posts).toEqual([])
  })

  it('deliverSecurityEvent() sends other types, subjects and claims, and replays', async () => {
    const { org, signals, alice } = await withReceivers()
    const user = alice.login
    await org.deliverSecurityEvent({ type: 'credential-change', user }, { copies: 2 })
    await org.deliverSecurityEvent({ type: 'verification', details: { state: 'abc' } })
    const subject = { format: 'email', email: alice.login }
    const claims = { aud: 'another', jti: undefined, extra: 1 }
    await org.deliverSecurityEvent({ type: 'https://example.com/made-up', subject, claims })
    expect(tokenOf(signals, 1)).toBe(tokenOf(signals, 0))
    expect(decodeJwt(tokenOf(signals))).toMatchObject({
      sub_id: { sub: alice.userId },
      events: { [`${CAEP}/credential-change`]: { change_type: 'update' } },
    })
    expect(decodeJwt(tokenOf(signals, 2)).events).toEqual({
      'https://schemas.openid.net/secevent/ssf/event-type/verification': { state: 'abc' },
    })
    const last = decodeJwt(tokenOf(signals, 3))
    expect(last).toMatchObject({ aud: 'another', extra: 1, sub_id: subject })
    expect(last).not.toHaveProperty('jti')
    await expect(org.deliverSecurityEvent({ type: 'session-revoked' })).rejects.toThrow(TypeError)
  })

  it('a signed push is retried once after a 5xx, not after a 4xx, and carries the receiver’s secret', async () => {
    const [org, receiver] = await Promise.all([start(), receive()])
    org.addSignals({ url: receiver.url, audience: AUDIENCE, authorization: 'Bearer stream' })
    receiver.replies.push(status(503), status(400))
    const event = { type: 'session-revoked', user: 'alice@example.com' }
    expect(await org.deliverSecurityEvent(event)).toMatchObject([{ status: 400, attempts: 2 }])
    expect(receiver.posts.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer stream',
      'Bearer stream',
    ])
  })
})

describe('Universal Logout', () => {
  it('the end of all sessions of a user calls the app with a token that the org signed', async () => {
    const { org, logout, alice } = await withReceivers()
    org.endUserSessions(alice.userId)
    await org.pushesSettled()
    expect(logout.posts).toHaveLength(1)
    expect(JSON.parse(logout.posts[0]?.body ?? '')).toEqual({
      sub_id: { format: 'iss_sub', iss: org.url, sub: alice.userId },
    })
    const typ = 'global-token-revocation+jwt'
    const { payload } = await verify(org, bearerOf(logout), logout.url, typ)
    expect(payload).toEqual({
      iss: org.url,
      aud: logout.url,
      sub: CLIENT_ID,
      iat: NOW / 1_000,
      exp: NOW / 1_000 + 300,
      jti: expect.any(String),
    })
    expect(org.pushes).toContainEqual(
      expect.objectContaining({ kind: 'universal_logout', status: 204, delivered: true }),
    )
  })

  it('a receiver may be sent the e-mail address, under another audience', async () => {
    const [org, receiver] = await Promise.all([start(), receive()])
    const { url } = receiver
    org.addUniversalLogout({ url, clientId: CLIENT_ID, audience: AUDIENCE, subject: 'email' })
    await org.deliverUniversalLogout('bob@example.com', { claims: { exp: 1 } })
    expect(JSON.parse(receiver.posts[0]?.body ?? '')).toEqual({
      sub_id: { format: 'email', email: 'bob@example.com' },
    })
    expect(decodeJwt(bearerOf(receiver))).toMatchObject({ aud: AUDIENCE, exp: 1 })
    await org.deliverUniversalLogout('bob@example.com', { format: 'iss_sub', copies: 2 })
    expect(receiver.posts).toHaveLength(3)
    expect(JSON.parse(receiver.posts[2]?.body ?? '').sub_id.format).toBe('iss_sub')
  })

  it('the tokens can be had alone', async () => {
    const org = await start({ clock: stillClock })
    const event = { type: 'session-revoked', user: 'alice@example.com' }
    await verify(org, await org.securityEventToken(event, AUDIENCE))
    const token = await org.universalLogoutToken(CLIENT_ID, AUDIENCE, { sub: undefined })
    const typ = 'global-token-revocation+jwt'
    expect((await verify(org, token, AUDIENCE, typ)).payload.sub).toBeUndefined()
  })
})

describe('rotateSigningKey()', () => {
  it('a rotated key has another kid, and the old one stays published unless it is dropped', async () => {
    const org = await start({ clock: stillClock })
    const event = { type: 'session-revoked', user: 'alice@example.com' }
    const token = () => org.securityEventToken(event, AUDIENCE)
    const first = await token()
    await org.rotateSigningKey()
    const second = await token()
    const kids = [second, first].map((each) => decodeProtectedHeader(each).kid)
    expect(new Set(kids).size).toBe(2)
    expect(await publishedKids(org)).toEqual(kids)
    await Promise.all([verify(org, first), verify(org, second)])

    await org.rotateSigningKey({ keepOld: false })
    const third = await token()
    expect(await publishedKids(org)).toEqual([decodeProtectedHeader(third).kid])
    await verify(org, third)
    await expect(verify(org, second)).rejects.toThrow('no applicable key')
  })

  it('rotations at the same time keep every key', async () => {
    const org = await start()
    await Promise.all([org.rotateSigningKey(), org.rotateSigningKey()])
    expect(await publishedKids(org)).toHaveLength(3)
  })
})
