import express from 'express'
import { createLocalOrg } from 'express-okta-session/local-org'
import { afterAll, beforeAll, expect, test } from 'vitest'

const org = await createLocalOrg()
const received: unknown[] = []
const app = express().use(express.json())
app.get('/okta/events', (req, res) => {
  res.json({ verification: req.get('x-okta-verification-challenge') })
})
app.post('/okta/events', (req, res) => {
  if (req.get('authorization') !== 'hook-secret') {
    res.sendStatus(401)
    return
  }
  for (const { eventType } of req.body.data.events) received.push(eventType)
  res.sendStatus(204)
})
const server = app.listen(0)

beforeAll(async () => {
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  await org.addEventHook({
    url: `http://localhost:${port}/okta/events`,
    authorization: 'hook-secret',
  })
})

afterAll(async () => {
  server.close()
  await org.close()
})

test('an app under test receives the end of a session', async () => {
  org.endSession(org.signIn('alice@example.com'))
  await org.pushesSettled()
  expect(received).toEqual(['user.session.start', 'user.session.end'])
  expect(org.pushes).toMatchObject([{ kind: 'event_hook', status: 204, attempts: 1 }])
})

test('an app under test receives an event twice, after a later one', async () => {
  received.length = 0
  const events = ['user.session.end', 'user.session.clear'].map((type) =>
    org.hookEvent(type, { user: 'bob@example.com' }),
  )
  await org.deliverEvents(events, { reversed: true, batch: 1, copies: 2 })
  expect(received).toEqual([
    ...['user.session.clear', 'user.session.end'],
    ...['user.session.clear', 'user.session.end'],
  ])
})
