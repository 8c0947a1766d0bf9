/** onDenied takes over what a guard answers, or leaves it. */
import { createServer } from 'node:http'
import { oktaSession } from 'express-okta-session'
import request from 'supertest'
import { afterEach, describe, expect, it } from 'vitest'

const okta = oktaSession({
  orgUrl: 'http://localhost:1',
  logger: false,
  onDenied(denial, req, res) {
    if (req.url !== '/mine') return false
    res.statusCode = 418
    return res.end(denial.code)
  },
})
const guard = okta.requireSession()
const app = createServer((req, res) => guard(req, res, () => res.end('let through')))

afterEach(() => okta.close())

describe('onDenied', () => {
  it('onDenied answers in place of a guard without Express', async () => {
    const { status, text } = await request(app).get('/mine')
    expect([status, text]).toEqual([418, 'session_required'])
  })

  it('onDenied leaves the answer to a guard without Express when it returns false', async () => {
    const { status, body } = await request(app).get('/yours')
    expect(status).toBe(401)
    expect(body).toMatchObject({ code: 'session_required', reason: 'no_cookie' })
  })
})
