/** What is logged of an outage, and in the form that pino, winston, the console and plain loggers take. */
import { Writable } from 'node:stream'
import express from 'express'
import type { OktaSessionOptions } from 'express-okta-session'
import pino from 'pino'
import request from 'supertest'
import { describe, expect, it, vi } from 'vitest'
import winston from 'winston'
import { startParts } from './door.js'

/** An outage of lookups at the org, from before its first call to after its end. */
async function outage(logger: NonNullable<OktaSessionOptions['logger']>): Promise<string> {
  const { org, okta, clock } = await startParts({ okta: { logger } })
  const app = express()
  app.get('/', okta.requireSession(), (_req, res) => void res.end())
  const get = async (cookie: string) =>
    (await request(app).get('/').set({ Cookie: cookie, Accept: '*/*' })).status
  org.fail({ kind: 'status', status: 503 })
  for (let i = 0; i < 12; i += 1) {
    expect(await get(`idx=somebody${i}`)).toBe(503)
    clock.advance(400)
  }
  org.clearFaults()
  clock.advance(3_000)
  expect(await get(org.signIn('alice@example.com'))).toBe(200)
  expect(await get(org.signIn('alice@example.com'))).toBe(200)
  return new URL(org.url).host
}

const failed = {
  event: 'EOS101',
  operation: 'getCurrentSession',
  code: 'server_error',
  status: 503,
}
const over = { event: 'EOS102', operation: 'getCurrentSession', afterMs: expect.any(Number) }

const failedMessage =
  'Okta gives no usable answer (EOS101: express-okta-session/docs/errors.md#eos101)'
const overMessage = 'Okta answers again (EOS102: express-okta-session/docs/errors.md#eos102)'

/** A stream that keeps the JSON lines written to it. */
function sink() {
  const lines: Record<string, unknown>[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      for (const line of String(chunk).trim().split('\n')) lines.push(JSON.parse(line))
      done()
    },
  })
  return { lines, stream }
}

describe('the log lines of an outage', () => {
  it('a logger gets one line at its first failure and one when it is over, with the org', async () => {
    const logger = { warn: vi.fn(), info: vi.fn() }
    const org = await outage(logger)
    expect(logger.warn.mock.calls).toEqual([[failedMessage, { org, ...failed }]])
    expect(logger.info.mock.calls).toEqual([[overMessage, { org, ...over }]])
  })

  it('pino gets the fields first, a child logger too', async () => {
    for (const child of [false, true]) {
      const { lines, stream } = sink()
      const logger = pino({}, stream)
      const org = await outage(child ? logger.child({ part: 'auth' }) : logger)
      expect(lines).toMatchObject([
        { level: 40, msg: failedMessage, org, ...failed },
        { level: 30, msg: overMessage, org, ...over },
      ])
    }
  })

  it('winston gets the message first', async () => {
    const { lines, stream } = sink()
    const logger = winston.createLogger({ transports: [new winston.transports.Stream({ stream })] })
    const org = await outage(logger)
    expect(lines).toMatchObject([
      { level: 'warn', message: failedMessage, org, ...failed },
      { level: 'info', message: overMessage, org, ...over },
    ])
  })

  it('the console gets one text of one line each', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const info = vi.spyOn(console, 'info').mockImplementation(() => {})
    const org = await outage(console)
    const lines = [...warn.mock.calls, ...info.mock.calls]
    vi.restoreAllMocks()
    expect(lines.map((line) => line.length)).toEqual([1, 1])
    expect(lines[0]?.[0]).toBe(
      `${failedMessage} { org: '${org}', event: 'EOS101', operation: 'getCurrentSession', code: 'server_error', status: 503 }`,
    )
    expect(lines[1]?.[0].startsWith(`${overMessage} { org: '${org}', `)).toBe(true)
  })
})
