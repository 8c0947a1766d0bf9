import express from 'express'
import request from 'supertest'
import { expect, it } from 'vitest'
import { startParts } from './door.js'

it.each([
  [
    'throws',
    () => {
      throw new Error('the disk is full')
    },
  ],
  ['rejects', () => Promise.reject(new Error('the disk is full'))],
])('a logger that %s fails no request and prevents no circuit from opening', async (_, warn) => {
  const { org, okta } = await startParts({ okta: { logger: { warn } } })
  const app = express()
  app.use(okta.attachSession())
  app.get('/', (req, res) => {
    res.json({ state: req.okta?.state })
  })
  org.fail({ kind: 'status', status: 503 })
  for (let count = 0; count < 12; count += 1) {
    const answer = await request(app).get('/').set('Cookie', `idx=somebody${count}`).expect(200)
    expect(answer.body).toEqual({ state: 'unavailable' })
  }
  expect(okta.stats().heldOff).toMatchObject({ code: 'breaker_open' })
})
