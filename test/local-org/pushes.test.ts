import { describe, expect, it } from 'vitest'
import type { EventHook, LocalOrg } from '../../src/local-org/index.js'
import { bodyOf, me, NOW, orgs, postForm, postJson, stillClock } from './orgs.js'
import { eventsOf, type Receiver, receivers, status } from './receiver.js'

const start = orgs()
const receive = receivers()

const SECRET = 'the-secret-of-the-hook'

/** An org with a verified hook. */
async function hooked(options?: Parameters<typeof start>[0]) {
  const [org, receiver] = await Promise.all([start(options), receive()])
  await org.addEventHook({ url: receiver.url, authorization: SECRET })
  return { org, receiver }
}

const typesOf = (receiver: Receiver) => receiver.events().map(({ eventType }) => eventType)

function userOf(org: LocalOrg, login: string) {
  const user = org.users.find((each) => each.login === login)
  if (user === undefined) throw new Error(`No user ${login}`)
  return user
}

describe('the handshake of an event hook', () => {
  it('the handshake is one GET with a challenge and the secret, and none of it is a delivery', async () => {
    const { org, receiver } = await hooked()
    expect(receiver.handshakes).toHaveLength(1)
    expect(receiver.handshakes[0]?.headers).toMatchObject({
      authorization: SECRET,
      'x-okta-verification-challenge': expect.stringMatching(/^[\w-]{16,}$/),
    })
    expect(receiver.posts).toEqual([])
    expect(org.pushes).toEqual([])
  })

  it('the handshake and the deliveries carry the secret in a header of another name', async () => {
    const [org, receiver] = await Promise.all([start(), receive()])
    await org.addEventHook({ url: receiver.url, authorization: SECRET, header: 'X-Hook-Key' })
    org.signIn('alice@example.com')
    await org.pushesSettled()
    for (const { headers } of [...receiver.handshakes, ...receiver.posts]) {
      expect(headers).toMatchObject({ 'x-hook-key': SECRET })
      expect(headers.authorization).toBeUndefined()
    }
    expect(receiver.posts).toHaveLength(1)
  })

  it.each([
    ['404', status(404), /answered 404, not 200/],
    ['204', status(204), /answered 204, not 200/],
    ['a redirect', status(302), /answered 302, not 200/],
    ['another value', status(200, '{"verification":"guessed"}'), /another body/],
    ['no JSON', status(200, '<html>'), /another body/],
    ['JSON null', status(200, 'null'), /another body/],
    ['a body without end', status(200, 'x'.repeat(200_000)), /another body/],
    ['nothing', () => {}, /no answer came \(timeout\)/],
    ['a reset', (_: unknown, res: { destroy(): void }) => res.destroy(), /no answer came \(ECONN/],
  ])('the handshake rejects %s, and the hook gets no event', async (_name, reply, message) => {
    const [org, receiver] = await Promise.all([start({ hookTimeoutMs: 200 }), receive()])
    receiver.handshake = reply
    const added = org.addEventHook({ url: receiver.url, authorization: SECRET })
    await expect(added).rejects.toThrow(message)
    await expect(added).rejects.not.toThrow(SECRET)
    org.signIn('alice@example.com')
    await org.pushesSettled()
    expect(receiver.posts).toEqual([])
  })

  it('a hook of the options gets the events that follow its verification, which is repeated', async () => {
    const receiver = await receive()
    const verified = new Promise<void>((resolve) => {
      receiver.handshake = (_request, res) => {
        res.writeHead(503).end()
        receiver.handshake = (request, again) => {
          const verification = request.headers['x-okta-verification-challenge']
          again.end(JSON.stringify({ verification }), () => resolve())
        }
      }
    })
    const org = await start({ eventHooks: [{ url: receiver.url, authorization: SECRET }] })
    org.signIn('alice@example.com')
    await verified
    await expect.poll(() => stateOf(org)).toMatchObject({ receivers: [{ verified: true }] })
    org.signIn('bob@example.com')
    await org.pushesSettled()
    expect(receiver.handshakes).toHaveLength(2)
    expect(receiver.events().map(({ actor }) => actor.alternateId)).toEqual(['bob@example.com'])
  })

  it('a hook of the options that is not verified gets no delivery of deliverEvents() either', async () => {
    const receiver = await receive()
    receiver.handshake = status(404)
    const org = await start({ eventHooks: [{ url: receiver.url, authorization: SECRET }] })
    expect(await org.deliverEvents([org.hookEvent('user.session.end')])).toEqual([])
    const named = org.deliverEvents([], { to: receiver.url })
    await expect(named).rejects.toThrow('registered and verified')
    expect(receiver.posts).toEqual([])
  })

  it('a removed hook gets no more events', async () => {
    const { org, receiver } = await hooked()
    expect(org.removePushes(receiver.url)).toBe(true)
    expect(org.removePushes(receiver.url)).toBe(false)
    org.signIn('alice@example.com')
    await org.pushesSettled()
    expect(receiver.posts).toEqual([])
  })
})

async function stateOf(org: LocalOrg) {
  return bodyOf(await fetch(`${org.url}/console/state`))
}

describe('the event of each change', () => {
  it('a delivery is one JSON document in Okta’s format, timed by the org’s clock', async () => {
    const { org, receiver } = await hooked({ clock: stillClock })
    org.clock.advance(1_234)
    org.signIn('alice@example.com')
    await org.pushesSettled()
    const [post] = receiver.posts
    expect(post?.headers).toMatchObject({
      authorization: SECRET,
      'content-type': 'application/json',
    })
    const at = new Date(NOW + 1_234).toISOString()
    expect(JSON.parse(post?.body ?? '')).toEqual({
      eventId: expect.stringMatching(/^[\da-f-]{36}$/),
      eventTime: at,
      eventType: 'com.okta.event_hook',
      eventTypeVersion: '1.0',
      cloudEventsVersion: '0.1',
      contentType: 'application/json',
      source: expect.stringMatching(/^http:\/\/localhost:\d+\/api\/v1\/eventHooks\/who\w+$/),
      data: { events: [expect.objectContaining({ published: at })] },
    })
    expect(org.pushes).toEqual([
      {
        kind: 'event_hook',
        url: receiver.url,
        delivered: true,
        status: 204,
        attempts: 1,
        events: ['user.session.start'],
        at: NOW + 1_234,
      },
    ])
  })

  it('a sign-in by each way sends user.session.start with the external id', async () => {
    const { org, receiver } = await hooked()
    const alice = userOf(org, 'alice@example.com')
    org.signIn(alice.login)
    const sessionToken = org.sessionToken(alice.login)
    await postJson(`${org.url}/api/v1/sessions`, { sessionToken })
    const form = { username: alice.login, password: alice.password }
    await postForm(`${org.url}/login/login.htm`, form)
    await org.pushesSettled()
    expect(receiver.events()).toEqual(
      org.sessions.map(({ id }) =>
        expect.objectContaining({
          eventType: 'user.session.start',
          actor: expect.objectContaining({ id: alice.userId, type: 'User' }),
          target: null,
          outcome: { result: 'SUCCESS', reason: null },
          authenticationContext: { externalSessionId: id },
        }),
      ),
    )
    expect(receiver.events()).toHaveLength(3)
  })

  it.each([
    [
      'closeCurrentSession',
      (org: LocalOrg, cookie: string) =>
        fetch(`${org.url}/api/v1/sessions/me`, { method: 'DELETE', headers: { cookie } }),
    ],
    [
      'the sign-out page',
      (org: LocalOrg, cookie: string) =>
        fetch(`${org.url}/login/signout`, { headers: { cookie }, redirect: 'manual' }),
    ],
  ])('%s sends user.session.end by the user, without a target', async (_name, signOut) => {
    const { org, receiver } = await hooked()
    const cookie = org.signIn('alice@example.com')
    const [session] = org.sessions
    await signOut(org, cookie)
    await org.pushesSettled()
    expect(receiver.events().slice(1)).toMatchObject([
      {
        eventType: 'user.session.end',
        actor: { id: session?.userId },
        target: null,
        authenticationContext: { externalSessionId: session?.id },
        debugContext: { debugData: {} },
      },
    ])
  })

  it.each([
    ['endSession()', (org: LocalOrg, id: string) => org.endSession(id)],
    [
      'the console',
      (org: LocalOrg, session: string) => postForm(`${org.url}/console/revoke`, { session }),
    ],
    [
      'revokeSession',
      (org: LocalOrg, id: string) =>
        fetch(`${org.url}/api/v1/sessions/${id}`, {
          method: 'DELETE',
          headers: { authorization: `SSWS ${org.apiToken}` },
        }),
    ],
  ])('%s sends user.session.end by an administrator', async (_name, end) => {
    const { org, receiver } = await hooked()
    org.signIn('alice@example.com')
    const [session] = org.sessions
    await end(org, session?.id ?? '')
    await org.pushesSettled()
    const [, event] = receiver.events()
    expect(event).toMatchObject({
      eventType: 'user.session.end',
      target: [{ id: session?.userId, type: 'User', alternateId: 'alice@example.com' }],
      debugContext: { debugData: { EndedSessionId: session?.id } },
    })
    expect(event?.actor.id).not.toBe(session?.userId)
    expect(event?.authenticationContext.externalSessionId).not.toBe(session?.id)
  })

  it('suspend, unsuspend and the end of all sessions send their events, about the user', async () => {
    const { org, receiver } = await hooked()
    const { userId } = userOf(org, 'bob@example.com')
    org.signIn('bob@example.com')
    org.signIn('bob@example.com')
    expect(org.endUserSessions(userId)).toBe(2)
    org.suspendUser(userId)
    org.suspendUser(userId)
    org.unsuspendUser(userId)
    await org.pushesSettled()
    expect(typesOf(receiver).slice(2)).toEqual([
      'user.session.clear',
      'user.lifecycle.suspend',
      'user.lifecycle.unsuspend',
    ])
    for (const { target, actor } of receiver.events().slice(2)) {
      expect(target).toMatchObject([{ id: userId, type: 'User' }])
      expect(actor.id).not.toBe(userId)
    }
  })

  it('an expired session sends nothing', async () => {
    const { org, receiver } = await hooked()
    const cookie = org.signIn('alice@example.com')
    org.clock.advance(121 * 60_000)
    expect((await me(org, cookie)).status).toBe(404)
    await org.pushesSettled()
    expect(typesOf(receiver)).toEqual(['user.session.start'])
  })

  it('a hook gets only the event types that it subscribes to', async () => {
    const [org, receiver] = await Promise.all([start(), receive()])
    const events = ['user.session.end']
    await org.addEventHook({ url: receiver.url, authorization: SECRET, events })
    org.endSession(org.signIn('alice@example.com'))
    await org.pushesSettled()
    expect(typesOf(receiver)).toEqual(['user.session.end'])
    const others = ['user.session.start', 'user.session.end'].map((type) => org.hookEvent(type))
    await org.deliverEvents(others)
    expect(typesOf(receiver)).toEqual(['user.session.end', 'user.session.end'])
  })

  it('events that come during a delivery wait, and go out in one batch', async () => {
    const { org, receiver } = await hooked()
    let release = () => {}
    const arrived = new Promise<void>((resolve) => {
      receiver.replies.push((_request, res) => {
        release = () => res.writeHead(200).end()
        resolve()
      })
    })
    org.signIn('alice@example.com')
    await arrived
    for (let count = 0; count < 150; count += 1) org.signIn('bob@example.com')
    release()
    await org.pushesSettled()
    expect(receiver.posts.map((post) => eventsOf(post).length)).toEqual([1, 100, 50])
  })

  it('10,000 events wait for a hook at most; more are dropped, and recorded', async () => {
    const { org, receiver } = await hooked()
    for (let count = 0; count < 10_003; count += 1) org.signIn('bob@example.com')
    expect(org.pushes).toHaveLength(3)
    expect(org.pushes).toMatchObject(
      Array(3).fill({ error: 'queue_full', attempts: 0, delivered: false }),
    )
    await org.pushesSettled()
    expect(receiver.events()).toHaveLength(10_000)
  })

  it('a removed hook does not get the events that wait for it', async () => {
    const { org, receiver } = await hooked()
    receiver.replies.push((_request, res) => {
      org.removePushes(receiver.url)
      res.writeHead(200).end()
    })
    for (let count = 0; count < 101; count += 1) org.signIn('bob@example.com')
    await org.pushesSettled()
    expect(receiver.posts).toHaveLength(1)
  })
})

describe('deliverEvents()', () => {
  const types = ['user.session.start', 'user.session.end', 'user.session.clear']

  it('deliverEvents() sends batches, duplicates and another order', async () => {
    const { org, receiver } = await hooked()
    const events = types.map((type) => org.hookEvent(type, { user: 'alice@example.com' }))
    const uuids = events.map(({ uuid }) => uuid)
    const [first = '', second = '', third = ''] = uuids
    expect(new Set(uuids).size).toBe(3)

    const deliveries = await org.deliverEvents(events)
    expect(deliveries).toEqual(org.pushes)
    expect(deliveries).toMatchObject([{ events: types, status: 204 }])
    expect(receiver.posts.splice(0).map(uuidsOf)).toEqual([uuids])

    await org.deliverEvents(events, { batch: 2, copies: 2 })
    const batches = [[first, second], [third]]
    expect(receiver.posts.splice(0).map(uuidsOf)).toEqual([...batches, ...batches])

    await org.deliverEvents(events, { reversed: true, batch: 1 })
    expect(receiver.posts.splice(0).map(uuidsOf)).toEqual([[third], [second], [first]])
    expect(events.map(({ uuid }) => uuid)).toEqual(uuids)
  })

  const uuidsOf = (post: Parameters<typeof eventsOf>[0]) => eventsOf(post).map(({ uuid }) => uuid)

  it('deliverEvents() sends to one hook, also what is no event, and late', async () => {
    const { org, receiver } = await hooked()
    const other = await receive()
    await org.addEventHook({ url: other.url, authorization: SECRET })
    const delayed = org.deliverEvents([null, 5, { eventType: 'made.up' }], {
      to: other.url,
      delayMs: 20,
    })
    expect(other.posts).toEqual([])
    expect(await delayed).toMatchObject([
      { url: other.url, events: ['untyped', 'untyped', 'made.up'] },
    ])
    expect(other.events()).toEqual([null, 5, { eventType: 'made.up' }])
    expect(receiver.posts).toEqual([])
    await expect(org.deliverEvents([], { to: 'http://localhost:1/' })).rejects.toThrow(TypeError)
    for (const how of [{ batch: 0 }, { batch: Number.NaN }, { copies: -1 }, { copies: 1.5 }])
      await expect(org.deliverEvents([5], how)).rejects.toThrow(/must be a whole number above 0/)
  })

  it('hookEvent() builds events of any type, and leaves no cookie in them', async () => {
    const org = await start()
    const cookie = org.signIn('alice@example.com')
    const [session] = org.sessions
    const byCookie = org.hookEvent('user.session.end', { session: cookie })
    expect(byCookie.authenticationContext.externalSessionId).toBe(session?.id)
    expect(byCookie.actor.id).toBe(session?.userId)
    expect(JSON.stringify(byCookie)).not.toContain(cookie.slice('idx='.length))
    const cleared = org.hookEvent('user.session.clear', { session: cookie })
    expect(cleared).toMatchObject({ target: [{ id: session?.userId }] })
    expect(cleared.debugContext.debugData).toEqual({})
    org.endSession(cookie)
    expect(() => org.hookEvent('user.session.end', { session: cookie })).toThrow(TypeError)
    expect(() => org.hookEvent('x', { user: 'dave@example.com' })).toThrow('dave@example.com')
    expect(
      org.hookEvent('user.session.end', {
        user: '00uunknown',
        session: 'idxunknown',
        admin: true,
        outcome: 'FAILURE',
        debugData: { endedsessionid: 'idxunknown' },
        fields: { published: 'never', transaction: undefined },
      }),
    ).toMatchObject({
      published: 'never',
      target: [{ id: '00uunknown' }],
      outcome: { result: 'FAILURE' },
      debugContext: { debugData: { EndedSessionId: 'idxunknown', endedsessionid: 'idxunknown' } },
      transaction: undefined,
    })
  })
})

describe('the retry of a delivery', () => {
  it.each([
    ['a 5xx', status(503)],
    ['a timeout', () => {}],
    ['a reset', (_: unknown, res: { destroy(): void }) => res.destroy()],
  ])('%s is retried once with the same body', async (_name, reply) => {
    const { org, receiver } = await hooked({ hookTimeoutMs: 200 })
    receiver.replies.push(reply)
    org.signIn('alice@example.com')
    await org.pushesSettled()
    const [first, second, ...more] = receiver.posts
    expect(more).toEqual([])
    expect(second?.body).toBe(first?.body)
    expect(org.pushes).toMatchObject([{ status: 204, attempts: 2, delivered: true }])
  })

  it.each([
    ['5xx', status(500), { status: 500 }],
    ['no answer', () => {}, { error: 'timeout' }],
  ])('%s twice ends the delivery', async (_name, reply, outcome) => {
    const { org, receiver } = await hooked({ hookTimeoutMs: 100 })
    receiver.replies.push(reply, reply)
    org.signIn('alice@example.com')
    await org.pushesSettled()
    expect(receiver.posts).toHaveLength(2)
    expect(org.pushes).toMatchObject([{ ...outcome, attempts: 2, delivered: false }])
  })

  it.each([400, 401, 404, 429, 302, 202])(
    'status %i is no success, and not retried',
    async (code) => {
      const { org, receiver } = await hooked()
      receiver.replies.push((_request, res) => {
        res.writeHead(code, { location: receiver.url }).end()
      })
      org.signIn('alice@example.com')
      await org.pushesSettled()
      expect(receiver.posts).toHaveLength(1)
      expect(receiver.handshakes).toHaveLength(1)
      expect(org.pushes).toMatchObject([{ status: code, attempts: 1, delivered: false }])
    },
  )

  it('a receiver that is gone is a network error, tried twice', async () => {
    const { org, receiver } = await hooked()
    await receiver.close()
    org.signIn('alice@example.com')
    await org.pushesSettled()
    expect(org.pushes).toMatchObject([{ error: 'ECONNREFUSED', attempts: 2, delivered: false }])
  })

  it('an answer of any length is read up to a bound', async () => {
    const { org, receiver } = await hooked()
    receiver.replies.push((_request, res) => {
      res.writeHead(200)
      const write = (): void => {
        while (!res.destroyed && res.write(Buffer.alloc(64 * 1024)));
      }
      res.on('drain', write)
      write()
    })
    org.signIn('alice@example.com')
    await org.pushesSettled()
    expect(org.pushes).toMatchObject([{ status: 200, attempts: 1, delivered: true }])
  })

  it('the record of deliveries keeps the last 200', async () => {
    const { org } = await hooked()
    const events = Array.from({ length: 205 }, (_, index) => org.hookEvent(`made.up.${index}`))
    await org.deliverEvents(events, { batch: 1 })
    expect(org.pushes).toHaveLength(200)
    expect(org.pushes.at(-1)?.events).toEqual(['made.up.204'])
  })
})

describe('close()', () => {
  it('close() ends what is under way, and what waits', async () => {
    const { org, receiver } = await hooked({ hookTimeoutMs: 600_000 })
    const arrived = new Promise<void>((resolve) => {
      receiver.replies.push(() => resolve())
    })
    org.signIn('alice@example.com')
    const late = org.deliverEvents([org.hookEvent('made.up')], { delayMs: 60_000 })
    await arrived
    await org.close()
    expect(await late).toMatchObject([{ error: 'closed' }])
    expect(org.pushes).toMatchObject([{ error: 'closed' }, { error: 'closed' }])
    expect(receiver.posts).toHaveLength(1)
    await org.close()
  })
})

describe('invalid receivers', () => {
  const url = 'http://localhost:1/'

  it.each([
    [{ url: 'http://app.example.com/', authorization: SECRET }, /url must be an https URL/],
    [{ url: `http://user:${SECRET}@localhost/`, authorization: 'x' }, /user name or password/],
    [{ url: 'ftp://localhost/', authorization: SECRET }, /url/],
    [{ url: '/okta', authorization: SECRET }, /url/],
    [{ url, authorization: `${SECRET}\n` }, /authorization must be a valid header value/],
    [{ url, authorization: '' }, /authorization/],
    [{ url }, /authorization/],
    [{ url, authorization: SECRET, header: 'Content-Length' }, /header must be/],
    [{ url, authorization: SECRET, events: 'user.session.end' }, /events must be a list/],
    [{ url, authorization: SECRET, secret: SECRET }, /secret is unknown/],
    [null, /object/],
  ])('an invalid hook is refused by the option and the method: %j', async (hook, message) => {
    const org = await start()
    const asHook: EventHook = JSON.parse(JSON.stringify(hook))
    for (const refused of [org.addEventHook(asHook), start({ eventHooks: [asHook] })]) {
      await expect(refused).rejects.toThrow(TypeError)
      await expect(refused).rejects.toThrow(message)
      await expect(refused).rejects.not.toThrow(SECRET)
    }
  })

  it('invalid receivers of signed pushes are refused', async () => {
    const org = await start()
    expect(() => org.addSignals({ url, audience: '' })).toThrow(/audience/)
    expect(() => org.addSignals({ url: 'http://example.com', audience: 'x' })).toThrow(/url/)
    expect(() => org.addUniversalLogout({ url, clientId: '' })).toThrow(/clientId/)
    await expect(start({ hookTimeoutMs: 0 })).rejects.toThrow(/hookTimeoutMs/)
    await expect(start({ signals: [{ url, audience: '' }] })).rejects.toThrow(/audience/)
    const logouts = [{ url, clientId: '' }]
    await expect(start({ universalLogout: logouts })).rejects.toThrow(/clientId/)
  })
})

describe('pushes on the console', () => {
  it('the button End everywhere ends all sessions of a user, and the page shows the deliveries', async () => {
    const { org, receiver } = await hooked()
    const cookie = org.signIn('carol@example.com')
    const { userId } = userOf(org, 'carol@example.com')
    const page = await (await fetch(`${org.url}/console`)).text()
    expect(page).toContain('aria-label="End everywhere the sessions of carol@example.com"')
    const answer = await postForm(`${org.url}/console/end-everywhere`, { userId })
    expect(answer.status).toBe(303)
    expect((await me(org, cookie)).status).toBe(404)
    await org.pushesSettled()
    expect(typesOf(receiver)).toEqual(['user.session.start', 'user.session.clear'])
    const after = await (await fetch(`${org.url}/console`)).text()
    expect(after).toMatch(/<td[^>]*>Event hook<\/td>\s*<td[^>]*>user\.session\.clear<\/td>/)
    expect(after).toContain(receiver.url)
    expect(after).not.toContain(SECRET)
  })

  it('an app in another process registers receivers with JSON, and removes them', async () => {
    const [org, receiver] = await Promise.all([start(), receive()])
    const { url } = receiver
    const post = async (action: string, body: unknown) =>
      bodyOf(await postJson(`${org.url}/console/${action}`, body))
    expect(await post('add-hook', { url, authorization: SECRET })).toEqual({ done: true })
    expect(await post('add-signals', { url, audience: 'app' })).toEqual({ done: true })
    const logout = { url, clientId: '0oa1', subject: 'email' }
    expect(await post('add-universal-logout', logout)).toEqual({ done: true })
    const { userId } = userOf(org, 'alice@example.com')
    expect(await post('end-everywhere', { userId })).toEqual({ ended: 0 })
    await org.pushesSettled()
    const state = await stateOf(org)
    expect(state.receivers).toEqual([
      { kind: 'event_hook', url, verified: true },
      { kind: 'security_event', url, verified: true },
      { kind: 'universal_logout', url, verified: true },
    ])
    expect(state.pushes).toHaveLength(3)
    expect(JSON.stringify(state)).not.toContain(SECRET)
    expect(await post('remove-pushes', { url })).toEqual({ done: true })
    expect((await stateOf(org)).receivers).toEqual([])
  })

  it('the control endpoint says what is wrong with a receiver', async () => {
    const [org, receiver] = await Promise.all([start(), receive()])
    receiver.handshake = status(404)
    const post = (action: string, body: unknown) => postJson(`${org.url}/console/${action}`, body)
    const unverified = await post('add-hook', { url: receiver.url, authorization: SECRET })
    expect(unverified.status).toBe(400)
    expect((await bodyOf(unverified)).error).toMatch(/answered 404/)
    const foreign = await post('add-signals', { url: 'http://example.com', audience: 'x' })
    expect((await bodyOf(foreign)).error).toMatch(/url/)
    expect((await post('end-everywhere', { userId: 'unknown' })).status).toBe(400)
  })
})
