import { createLocalOrg } from 'express-okta-session/local-org'
import request from 'supertest'
import { afterAll, expect, test } from 'vitest'
import { useInstances } from './instances.js'

const startInstances = useInstances()
const sameOrigin = { 'Sec-Fetch-Site': 'same-origin' }
const org = await createLocalOrg()

afterAll(() => org.close())

test('two instances are processes of their own, serve one session, and stop or are killed', async () => {
  const [first, second] = await startInstances(2, { orgUrl: org.url })
  if (!first || !second) throw new Error('an instance is missing')
  const cookie = org.signIn('alice@example.com')
  for (const { url, name } of [first, second]) {
    const { body } = await request(url).get('/me').set('Cookie', cookie).expect(200)
    expect(body).toEqual({ instance: name, login: 'alice@example.com', source: 'okta' })
  }
  await request(first.url).post('/refresh').set(sameOrigin).set('Cookie', cookie).expect(200)
  const alice = org.users.find((user) => user.login === 'alice@example.com')
  await request(first.url).post('/forget').send({ userId: alice?.userId }).expect(204)
  const { body: stats } = await request(first.url).get('/stats').expect(200)
  expect(stats).toHaveProperty('calls')
  await request(first.url).post('/sign-out').set(sameOrigin).set('Cookie', cookie).expect(204)
  await request(first.url).get('/me').set('Cookie', cookie).expect(401)

  org.fail({ kind: 'status', status: 500 })
  const other = `${cookie.split('=')[0]}=unseen`
  await request(first.url).get('/me').set('Cookie', other).expect(503)
  await expect.poll(() => first.lines.length).toBeGreaterThan(0)
  org.clearFaults()

  await first.stop()
  await expect(fetch(`${first.url}/stats`)).rejects.toThrow()
  await second.kill()
  await expect(fetch(`${second.url}/stats`)).rejects.toThrow()
})

test('an instance with an unknown option fails to start and says why', async () => {
  const options = { noSuchOption: 1 } as object
  await expect(startInstances(1, { orgUrl: org.url, options })).rejects.toThrow('noSuchOption')
})
