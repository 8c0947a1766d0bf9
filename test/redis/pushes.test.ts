/** What Okta pushes to one instance reaches the other over a real Redis: two processes, with both kinds of clients. */
import { createLocalOrg, type LocalOrg } from 'express-okta-session/local-org'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { until } from './clients-world.js'
import { type Instance, useInstances } from './instances.js'
import { digestOf, dumpOf } from './redis-dump.js'
import { describeRedis, type RedisServer, startRedis } from './redis-server.js'
import { startProxy, type TcpProxy } from './tcp-proxy.js'

const pushes = {
  secret: 'the secret of the event hook',
  audience: 'https://app.example.com/okta/signals',
  clientId: '0oa1example',
}
const domain = 'example.com'
const logins = Array.from({ length: 12 }, (_, index) => `user-${index}@${domain}`)
const startInstances = useInstances()

/** What must be found neither in Redis nor on the wire to it. */
const hidden = new Set<string>([pushes.secret, domain])
const wire: Buffer[] = []

let server: RedisServer
let proxy: TcpProxy
let org: LocalOrg
let one: Instance
let other: Instance
let hookUrl: string
let lastUser = 0

/** A user of the test alone, who has signed in at no instance. */
function newUser(): { readonly login: string; readonly userId: string } {
  const user = org.users[lastUser]
  lastUser += 1
  if (user === undefined) throw new Error('more users are needed')
  hidden.add(user.userId)
  for (const text of [`u:${user.userId}`, `l:${user.login}`])
    for (const encoding of ['hex', 'base64url', 'latin1'] as const)
      hidden.add(digestOf(text, encoding))
  return user
}

/** Signs a user in, and makes an instance cache the session. */
async function signInAt(login: string, ...instances: readonly Instance[]): Promise<string> {
  const cookie = org.signIn(login)
  hidden.add(cookie.slice(cookie.indexOf('=') + 1))
  hidden.add(org.sessions.at(-1)?.id ?? '')
  for (const instance of instances) {
    await answerAt(instance, cookie)
    expect(await answerAt(instance, cookie)).toBe('memory')
  }
  return cookie
}

/** Where the session that passes the guard comes from, or why it does not pass. */
async function answerAt({ url }: Instance, cookie: string): Promise<string> {
  const response = await fetch(`${url}/me`, { headers: { cookie } })
  const { source, reason }: { source: string; reason?: string } = JSON.parse(await response.text())
  return response.status === 200 ? source : `${response.status} ${reason}`
}

/** Resolves when the instance has answered otherwise than from its cache: with that answer. */
async function nextAnswerAt(instance: Instance, cookie: string): Promise<string> {
  let answer = ''
  await until(async () => {
    answer = await answerAt(instance, cookie)
    return answer !== 'memory'
  })
  return answer
}

/** Okta still knows the session: the instance, or its neighbour, has asked Okta again since `calls`. */
async function expectAskedAgain(instance: Instance, cookie: string, calls: number) {
  expect(['okta', 'shared']).toContain(await nextAnswerAt(instance, cookie))
  expect(org.calls.getCurrentSession).toBeGreaterThan(calls)
}

const signedBy = (kind: string) => org.pushes.filter((push) => push.kind === kind).length

describeRedis('what Okta pushes to one of two instances over one Redis', () => {
  beforeAll(async () => {
    server = await startRedis()
    proxy = await startProxy(server.port, (chunk) => wire.push(chunk))
    org = await createLocalOrg({
      users: logins.map((login) => ({ login, password: 'local-password' })),
    })
    const redis = { url: proxy.url, library: 'redis' as const }
    const [[first], [second]] = await Promise.all([
      startInstances(1, { orgUrl: org.url, redis, pushes }),
      startInstances(1, { orgUrl: org.url, redis: { ...redis, library: 'ioredis' }, pushes }),
    ])
    if (!first || !second) throw new Error('an instance is missing')
    one = first
    other = second
    hookUrl = `${one.url}/okta/events`
    const url = `${one.url}/okta/signals`
    await addHook()
    org.addSignals({ url, audience: pushes.audience })
    org.addUniversalLogout({ url, clientId: pushes.clientId, audience: pushes.audience })
  })

  afterAll(async () => {
    await org.close()
    await proxy.close()
    await server.stop()
  })

  it('the end of all sessions at Okta is refused by the other, with the event hook alone', async () => {
    const { login } = newUser()
    const cookies = [await signInAt(login, one, other), await signInAt(login, other)]
    for (const cookie of cookies) await endSilently(cookie)
    await org.deliverEvents([org.hookEvent('user.session.clear', { user: login })])
    for (const cookie of cookies) expect(await nextAnswerAt(other, cookie)).toBe('401 not_found')
    expect(await answerAt(one, cookies[0] ?? '')).toBe('401 not_found')
  })

  it('the end of a session that the receiver knows makes the other ask about that session alone', async () => {
    const { login } = newUser()
    const ended = await signInAt(login, one, other)
    const kept = await signInAt(login, other)
    org.endSession(ended)
    await org.pushesSettled()
    expect(await nextAnswerAt(other, ended)).toBe('401 not_found')
    expect(await answerAt(other, kept)).toBe('memory')
  })

  it('the end of a session that only the other knows makes it ask about all sessions of the user', async () => {
    const { login } = newUser()
    const ended = await signInAt(login, other)
    const kept = await signInAt(login, other)
    const calls = org.calls.getCurrentSession
    org.endSession(ended)
    await org.pushesSettled()
    expect(await nextAnswerAt(other, ended)).toBe('401 not_found')
    await expectAskedAgain(other, kept, calls + 1)
  })

  it('a security event with a login as its subject reaches the other, where the receiver has never seen the user', async () => {
    const { login } = newUser()
    const cookie = await signInAt(login, other)
    const neighbour = await signInAt(newUser().login, other)
    const calls = org.calls.getCurrentSession
    const subject = { format: 'email', email: login.toUpperCase() }
    const [delivery] = await org.deliverSecurityEvent({ type: 'session-revoked', subject })
    expect(delivery).toMatchObject({ status: 202, attempts: 1 })
    await expectAskedAgain(other, cookie, calls)
    expect(await answerAt(other, neighbour)).toBe('memory')
  })

  it.each(['iss_sub', 'email'] as const)(
    'a Universal Logout with the user as %s reaches the other',
    async (format) => {
      const { login } = newUser()
      const cookie = await signInAt(login, other)
      await endSilently(cookie)
      const [delivery] = await org.deliverUniversalLogout(login, { format })
      expect(delivery).toMatchObject({ status: 204, attempts: 1 })
      expect(await nextAnswerAt(other, cookie)).toBe('401 not_found')
    },
  )

  it('the org pushes the end of all sessions of a user in each way, and the other refuses them', async () => {
    const { login, userId } = newUser()
    const cookies = [await signInAt(login, one, other), await signInAt(login, other)]
    await org.pushesSettled()
    const before = ['event_hook', 'security_event', 'universal_logout'].map(signedBy)
    expect(org.endUserSessions(userId)).toBe(2)
    await org.pushesSettled()
    for (const cookie of cookies) expect(await nextAnswerAt(other, cookie)).toBe('401 not_found')
    const after = ['event_hook', 'security_event', 'universal_logout'].map(signedBy)
    expect(after).toEqual(before.map((count) => count + 1))
  })

  it.each([
    ['refuses connections', () => proxy.cut(), () => proxy.restore()],
    ['does not answer', () => proxy.pause(), () => proxy.resume()],
  ])(
    'while Redis %s a push is answered 503 in time, is in force at its receiver, and a later delivery reaches the other',
    async (_, fail, recover) => {
      const { login } = newUser()
      const cookie = await signInAt(login, one, other)
      const calls = org.calls.getCurrentSession
      const event = org.hookEvent('user.session.clear', { user: login })
      await fail()
      // The org waits for 3 s, as Okta does: a status says that the answer came before. It sends again once.
      const deliveries = await org.deliverEvents([event])
      expect(deliveries).toMatchObject([{ status: 503, attempts: 2, delivered: false }])
      await expectNotRecorded(event)
      expect(await answerAt(one, cookie)).toBe('okta')
      expect(org.calls.getCurrentSession).toBe(calls + 1)
      expect(await answerAt(other, cookie)).toBe('memory')
      await recover()
      await until(async () => (await org.deliverEvents([event]))[0]?.status === 204)
      await expectAskedAgain(other, cookie, calls)
    },
  )

  it('neither Redis nor the wire to it holds a secret, login, id or unkeyed digest of what was pushed', async () => {
    const dump = await dumpOf(server)
    const sent = Buffer.concat(wire)
    expect(dump.length).toBeGreaterThan(1_000)
    expect(sent.includes('XADD'), 'the wire was recorded').toBe(true)
    expect(hidden.size).toBeGreaterThan(50)
    for (const text of hidden) {
      expect(text).not.toBe('')
      for (const where of [dump, sent])
        expect(where.includes(Buffer.from(text, 'latin1')), text.slice(0, 12)).toBe(false)
    }
  })
})

/** Ends a session at the org, which pushes nothing of it. */
async function endSilently(cookie: string): Promise<void> {
  org.removePushes(hookUrl)
  org.endSession(cookie)
  await addHook()
}

const addHook = () => org.addEventHook({ url: hookUrl, authorization: pushes.secret })

async function expectNotRecorded(event: object): Promise<void> {
  const response = await fetch(hookUrl, {
    method: 'POST',
    headers: { authorization: pushes.secret, 'content-type': 'application/json' },
    body: JSON.stringify({ data: { events: [event] } }),
  })
  expect(response.status).toBe(503)
  expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(JSON.parse(await response.text())).toMatchObject({ code: 'revocation_not_recorded' })
}
