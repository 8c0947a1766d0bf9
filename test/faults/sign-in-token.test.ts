/** Sign-ins with an API token: which refusals make login() try without it, and what brings it back. */
import type { RequestListener } from 'node:http'
import { json } from 'node:stream/consumers'
import express from 'express'
import request from 'supertest'
import { expect, it } from 'vitest'
import { api, ownPage, serve, startOkta } from '../front-door/door.js'
import { sessionFor, TestClock } from '../session/lookup-world.js'

type Refusal = readonly [status: number, errorCode: string]

/** A user that a policy denies, whatever the sign-in is made with. */
const DENIED = 'a denied user'

async function world({ denial = [403, 'E0000006'] as Refusal } = {}) {
  const clock = new TestClock()
  const org = {
    needsToken: true,
    takesToken: true,
    /** Of each sign-in: whether it came with the token. */
    withToken: [] as boolean[],
    trials: () => org.withToken.filter((has) => !has).length,
  }
  const reply: RequestListener = async (req, res) => {
    const { sessionToken } = (await json(req)) as { sessionToken: string }
    const has = req.headers.authorization !== undefined
    org.withToken.push(has)
    const refusal = refusalOf(sessionToken, has)
    const [status, errorCode] = refusal ?? [200]
    const error = { errorCode, errorSummary: 'Refused', errorCauses: [] }
    const session = sessionFor('102alice', clock.now() + 7_200_000)
    res.writeHead(status, { 'content-type': 'application/json' })
    res.end(JSON.stringify(refusal === undefined ? session : error))
  }
  function refusalOf(sessionToken: string, has: boolean): Refusal | undefined {
    if (has && !org.takesToken) return [401, 'E0000011']
    if (!has && org.needsToken) return [403, 'E0000005']
    if (sessionToken === 'unknown') return [401, 'E0000004']
    return sessionToken === DENIED ? denial : undefined
  }
  const credentials = { apiToken: '00-the-api-token' }
  const okta = startOkta({ orgUrl: await serve(reply), cookies: ['sid'], credentials }, clock)
  const app = express().set('trust proxy', true)
  app.post('/login', okta.login())
  const url = await serve(app)
  let address = 0
  /** Each from another address, and after the pause of an open circuit. */
  const login = async (sessionToken = `a good user ${address}`): Promise<number> => {
    clock.advance(1_200)
    address += 1
    const post = request(url).post('/login').set(api).set(ownPage)
    return (await post.set('X-Forwarded-For', `203.0.113.${address}`).send({ sessionToken })).status
  }
  return { org, login }
}

it.each<Refusal>([
  [403, 'E0000006'],
  [401, 'E0000011'],
])(
  'a user refused by %i %s, twice in a row, fails no other user of an org that needs the token',
  async (...denial) => {
    const { org, login } = await world({ denial })
    expect(await login()).toBe(200)
    for (let times = 0; times < 5; times += 1) {
      expect(await login(DENIED)).toBe(503)
      expect(await login(DENIED)).toBe(503)
      expect(await login()).toBe(200)
    }
    expect(org.trials()).toBe(0)
  },
)

it('a denied user who comes first makes one other user fail', async () => {
  const { org, login } = await world()
  expect(await login(DENIED)).toBe(503)
  expect(await login()).toBe(503)
  for (let times = 0; times < 5; times += 1) {
    expect(await login(DENIED)).toBe(503)
    expect(await login()).toBe(200)
  }
  expect(org.trials()).toBe(1)
})

it('an unknown session token shows that the API token works', async () => {
  const { org, login } = await world()
  expect(await login('unknown')).toBe(401)
  expect(await login(DENIED)).toBe(503)
  expect(await login()).toBe(200)
  expect(org.trials()).toBe(0)
})

it('each refused trial without the token makes the next one need twice as many refusals', async () => {
  const { org, login } = await world()
  await login()
  for (let times = 0; times < 24; times += 1) await login(DENIED)
  const trials = org.withToken.flatMap((has, index) => (has ? [] : [index]))
  expect(trials).toEqual([4, 11, 24])
  expect(await login()).toBe(200)
})

it('a token revoked while the app runs is left out after three refusals', async () => {
  const { org, login } = await world()
  org.needsToken = false
  await login()
  org.takesToken = false
  for (let times = 0; times < 3; times += 1) expect(await login()).toBe(503)
  for (let times = 0; times < 3; times += 1) expect(await login()).toBe(200)
})

it('the token is sent again once the org takes no sign-in without it', async () => {
  const { org, login } = await world()
  Object.assign(org, { needsToken: false, takesToken: false })
  expect(await login()).toBe(503)
  expect(await login()).toBe(200)
  Object.assign(org, { needsToken: true, takesToken: true })
  for (let times = 0; times < 3; times += 1) expect(await login()).toBe(503)
  for (let times = 0; times < 3; times += 1) expect(await login()).toBe(200)
})

it('with a revoked token, a denied user who makes the trial does not keep the token in use', async () => {
  const { org, login } = await world()
  Object.assign(org, { needsToken: false, takesToken: false })
  expect(await login()).toBe(503)
  expect(await login(DENIED)).toBe(503)
  expect(await login()).toBe(503)
  expect(await login()).toBe(503)
  expect(await login()).toBe(200)
})
