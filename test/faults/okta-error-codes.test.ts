/** Okta's own error codes, for each operation: which mean that a session or a sign-in is gone, and which are about the org or this app. */
import express from 'express'
import type { LocalOrg } from 'express-okta-session/local-org'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { api, cookiesOf, ownPage, serve, startParts } from '../front-door/door.js'

const ABOUT_THE_ORG = [
  [400, 'E0000003'],
  [401, 'E0000015'],
  [401, 'E0000006'],
  [401, 'E0000007'],
  [403, 'E0000004'],
  [403, 'E0000005'],
  [403, 'E0000006'],
  [403, 'E0000007'],
  [403, 'E0000015'],
  [403, 'E0000018'],
  [403, 'E0000019'],
  [404, 'E0000004'],
  [404, 'E0000008'],
  [404, 'E0000011'],
  [404, 'E0000012'],
  [404, 'E0000026'],
  [405, 'E0000022'],
  [410, 'E0000026'],
  [415, 'E0000021'],
] as const
const NO_SESSION = [
  [404, 'E0000007'],
  [401, 'E0000004'],
  [401, 'E0000005'],
  [401, 'E0000011'],
] as const

type Warning = readonly [message: string, fields?: Readonly<Record<string, unknown>>]

async function open(token: 'no token' | 'a revoked token' | 'a token' = 'no token') {
  const warnings: Warning[] = []
  const logger = { warn: (...line: Warning) => void warnings.push(line) }
  const apiToken = '00-the-api-token'
  const given = token === 'a token' ? apiToken : '00-a-revoked-token'
  const { org, okta, clock } = await startParts({
    org: { apiToken },
    okta: { logger, ...(token !== 'no token' && { credentials: { apiToken: given } }) },
  })
  const app = express().set('trust proxy', true)
  app.post('/login', okta.login())
  app.post('/refresh', okta.refresh({ everyMs: 0 }))
  app.post('/logout', okta.logout())
  app.get('/', okta.requireSession({ maxStalenessMs: 0 }), (_req, res) => void res.end('in'))
  const url = await serve(app)
  const send = (method: 'get' | 'post', path: string, cookie: string) =>
    request(url)[method](path).set(api).set(ownPage).set('Cookie', cookie)
  const login = (sessionToken = org.sessionToken('alice@example.com')) =>
    request(url).post('/login').set(api).set(ownPage).send({ sessionToken })
  return { org, okta, clock, warnings, send, login }
}

/** A sign-out that Okta did not take has a line of its own. */
const isAnswerWarning = ([, fields]: Warning) =>
  fields?.errorCode !== undefined || fields?.code !== undefined

const failing = (org: LocalOrg, [status, errorCode]: readonly [number, string]) =>
  org.fail({ kind: 'status', status, errorCode })

describe.each(ABOUT_THE_ORG)('a %i %s', (...error) => {
  const [status, errorCode] = error

  it('an error about the org at a guard is 503, clears no cookie, and is one warning', async () => {
    const { org, send, clock, warnings } = await open()
    const cookie = org.signIn('alice@example.com')
    failing(org, error)
    for (let times = 0; times < 2; times += 1) {
      const answer = await send('get', '/', cookie)
      expect(answer.status).toBe(503)
      expect(cookiesOf(answer)).toEqual({})
      clock.advance(2_000)
    }
    const about = { operation: 'getCurrentSession', status, errorCode }
    const told = warnings.filter(([, fields]) => fields?.errorCode === errorCode)
    expect(told).toEqual([[expect.any(String), expect.objectContaining(about)]])
    org.clearFaults()
    clock.advance(2_000)
    await send('get', '/', cookie).expect(200)
  })

  it('an error about the org at refresh() is 503 and clears no cookie', async () => {
    const { org, send } = await open()
    const cookie = org.signIn('alice@example.com')
    await send('get', '/', cookie).expect(200)
    org.fail({ kind: 'status', status, errorCode }, { operation: 'refreshCurrentSession' })
    const answer = await send('post', '/refresh', cookie).expect(503)
    expect(cookiesOf(answer)).toEqual({})
    await send('get', '/', cookie).expect(200)
  })

  it('an error about the org at logout() does not count as closed', async () => {
    const { org, send } = await open()
    const cookie = org.signIn('alice@example.com')
    await send('get', '/', cookie).expect(200)
    org.fail({ kind: 'status', status, errorCode }, { operation: 'closeCurrentSession' })
    const { body } = await send('post', '/logout', cookie).expect(200)
    expect(body).toMatchObject({ oktaClosed: false })
  })

  it('an error about the org at login() is 503 for all clients while it lasts, and a sign-in once it is over', async () => {
    const { org, login, clock, warnings } = await open()
    failing(org, error)
    const statuses = new Set<number>()
    for (let time = 0; time < 70; time += 1) {
      if (time > 30) clock.advance(1_200)
      statuses.add((await login().set('X-Forwarded-For', `203.0.113.${time}`)).status)
    }
    expect([...statuses]).toEqual([503])
    // Five clients open the circuit; then there is one trial a second.
    expect(org.calls.createSession).toBeLessThanOrEqual(5 + 40)
    expect(warnings).toEqual([[expect.any(String), expect.objectContaining({ errorCode })]])
    org.clearFaults()
    clock.advance(1_200)
    for (let times = 0; times < 3; times += 1) await login().expect(200)
  })

  it('an error about the org at login() for one client stops no sign-in of others, and is charged to that client', async () => {
    const { org, login } = await open()
    const statuses: number[] = []
    for (let time = 0; time < 25; time += 1) {
      failing(org, error)
      statuses.push((await login().set('X-Forwarded-For', '203.0.113.1')).status)
      org.clearFaults()
    }
    await login().set('X-Forwarded-For', '203.0.113.2').expect(200)
    expect(statuses).toEqual([...Array(20).fill(503), ...Array(5).fill(429)])
  })

  it('an error about the org is one warning, whichever operations meet it', async () => {
    const { org, send, login, warnings } = await open()
    const cookie = org.signIn('alice@example.com')
    await send('get', '/', cookie).expect(200)
    failing(org, error)
    await send('get', '/', org.signIn('bob@example.com')).expect(503)
    await send('post', '/refresh', cookie).expect(503)
    await send('post', '/logout', cookie).expect(200)
    await login().expect(503)
    expect(warnings.filter(isAnswerWarning)).toHaveLength(1)
  })
})

describe.each(NO_SESSION)('a %i %s', (...error) => {
  it('an error about the session ends it at a guard and at refresh(), without a warning', async () => {
    const { org, send, warnings } = await open()
    const [atGuard, atRefresh] = [org.signIn('alice@example.com'), org.signIn('bob@example.com')]
    await send('get', '/', atRefresh).expect(200)
    failing(org, error)
    await send('get', '/', atGuard).expect(401)
    const answer = await send('post', '/refresh', atRefresh).expect(401)
    expect(Object.keys(cookiesOf(answer))).toContain('idx')
    expect(warnings).toEqual([])
  })
})

const BY_ID = ['getSession', 'refreshSession', 'revokeSession'] as const

/** Of the four that a cookie is refused with, the three that are about the credentials of an operation by id. */
const ABOUT_OUR_CREDENTIALS = NO_SESSION.filter(([status]) => status === 401)

describe.each(BY_ID)('okta.api.%s()', (operation) => {
  it.each([...ABOUT_THE_ORG, ...ABOUT_OUR_CREDENTIALS])(
    'a %i %s rejects as it came, is one warning, and ends and charges nothing',
    async (...error) => {
      const [status, errorCode] = error
      const { org, okta, send, login, warnings } = await open('a token')
      const cookie = org.signIn('alice@example.com')
      await send('get', '/', cookie).expect(200)
      const { id } = org.sessions[0] ?? { id: '' }
      org.fail({ kind: 'status', status, errorCode }, { operation })
      const about = { operation, status, errorCode }
      for (let times = 0; times < 6; times += 1)
        await expect(okta.api[operation](id)).rejects.toMatchObject({
          name: 'OktaApiError',
          ...about,
        })
      expect(org.calls[operation]).toBe(6)
      expect(warnings).toEqual([[expect.any(String), expect.objectContaining(about)]])
      await send('get', '/', cookie).expect(200)
      await send('get', '/', org.signIn('bob@example.com')).expect(200)
      await login().expect(200)
      expect(okta.stats().refused).toEqual({})
    },
  )

  it('an operation by id without credentials rejects as it came, and is one warning that names `credentials`', async () => {
    const { org, okta, warnings } = await open()
    org.signIn('alice@example.com')
    const { id = '' } = org.sessions.at(-1) ?? {}
    await expect(okta.api[operation](id)).rejects.toMatchObject({ errorCode: 'E0000005' })
    expect(warnings).toEqual([
      [expect.stringContaining('Check credentials'), expect.objectContaining({ status: 403 })],
    ])
  })

  it('an operation by id that meets a 404 E0000007 rejects without a warning', async () => {
    const { okta, warnings } = await open('a token')
    await expect(okta.api[operation]('an-unknown-id')).rejects.toMatchObject({
      name: 'OktaApiError',
      status: 404,
      errorCode: 'E0000007',
    })
    expect(warnings).toEqual([])
  })
})

describe('login() with an API token that Okta refuses', () => {
  it('login() signs in without the API token from the second sign-in on, with one warning', async () => {
    const { org, login, warnings } = await open('a revoked token')
    await login().expect(503)
    for (let times = 0; times < 5; times += 1) await login().expect(200)
    expect(org.calls.createSession).toBe(6)
    const aboutToken = warnings.filter(([line]) => line.includes('credentials.apiToken'))
    expect(aboutToken).toHaveLength(1)
    expect(JSON.stringify(warnings)).not.toContain('00-a-revoked-token')
  })

  it('a bad session token is still a failed sign-in', async () => {
    const { login } = await open('a revoked token')
    await login().expect(503)
    await login('unknown').expect(401)
  })

  it('login() goes back to its token where the org takes no sign-in without one', async () => {
    const { org, login } = await open('a revoked token')
    org.failNext({ kind: 'status', status: 403, errorCode: 'E0000006' })
    await login().expect(503)
    org.failNext({ kind: 'status', status: 403, errorCode: 'E0000005' })
    await login().expect(503)
    // The org refuses a revoked token, and would take a sign-in without one.
    await login().expect(503)
    await login().expect(503)
    await login().expect(200)
  })
})

describe('an error at sign-in that a policy about one user may cause', () => {
  it('leaves the next trial to another client, which signs in', async () => {
    const { org, login, clock } = await open()
    const [first, other] = ['203.0.113.1', '203.0.113.2']
    const refused = (client: string) => {
      org.failNext({ kind: 'status', status: 403, errorCode: 'E0000006' })
      return login().set('X-Forwarded-For', client).expect(503)
    }
    for (let client = 11; client <= 15; client += 1) await refused(`203.0.113.${client}`)
    clock.advance(1_200)
    await refused(first)
    const { createSession } = org.calls
    await login().set('X-Forwarded-For', other).expect(503)
    clock.advance(1_200)
    await login().set('X-Forwarded-For', first).expect(503)
    expect(org.calls.createSession).toBe(createSession)
    await login().set('X-Forwarded-For', other).expect(200)
  })
})

it('an outage after an error of the org keeps its line', async () => {
  const { org, send, clock, warnings } = await open()
  failing(org, [401, 'E0000015'])
  await send('get', '/', org.signIn('alice@example.com')).expect(503)
  org.clearFaults()
  org.fail({ kind: 'status', status: 503 })
  clock.advance(2_000)
  for (const user of ['alice@example.com', 'bob@example.com'])
    await send('get', '/', org.signIn(user)).expect(503)
  expect(warnings.map(([, fields]) => fields?.errorCode ?? fields?.code)).toEqual([
    'E0000015',
    'server_error',
  ])
})

it('one client whose session tokens are malformed holds no other client back', async () => {
  const { org, login, clock } = await open()
  org.fail({ kind: 'status', status: 400, errorCode: 'E0000003' })
  for (let times = 0; times < 10; times += 1) await login('<malformed>').expect(503)
  org.clearFaults()
  clock.advance(2_000)
  await login().expect(200)
})
