/** forwardClientIp tells Okta an IP address or nothing: what stands in req.ip may be a client's own words. */
import express from 'express'
import request from 'supertest'
import { describe, expect, it, onTestFinished } from 'vitest'
import { clientIp } from '../../src/http/client-address.js'
import { serve, startOkta, TestClock } from '../front-door/door.js'
import { httpServer } from '../okta/raw-server.js'

const telling = (ip: unknown) => clientIp({ headers: {}, ip: ip as string })

describe('the address Okta is told', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['192.0.2.1:4711', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:201', '192.0.2.1'],
    ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
    ['[::ffff:192.0.2.1]:443', '192.0.2.1'],
    ['2001:db8::1', '2001:db8::1'],
    ['2001:DB8:0:0::1', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['[2001:db8::1]:8080', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
  ])('the client address sent to Okta is a bare one: %s', (given, told) => {
    expect(telling(given)).toBe(told)
  })

  it.each([
    '',
    'unknown',
    '_hidden',
    'localhost',
    '192.0.2',
    '192.0.2.256',
    '192.0.2.1, 203.0.113.9',
    '192.0.2.1:4711:1',
    '192.0.2.1\r\nX-Evil: 1',
    '192.0.2.1 ',
    '010.0.0.1',
    '0x7f.1',
    '[2001:db8::1',
    '[192.0.2.1]',
    '[::1]x',
    '::ffff:192.0.2.1:80x',
    '%eth0',
    `::${'1'.repeat(5_000)}`,
    7,
    ['192.0.2.1'],
  ])('the client address sent to Okta is left out where it is none: %j', (given) => {
    expect(telling(given)).toBeUndefined()
  })

  it('the client address is the socket’s where nothing else is known', () => {
    const socket = { remoteAddress: '::ffff:192.0.2.1' }
    expect(clientIp({ headers: {}, socket })).toBe('192.0.2.1')
    expect(clientIp({ headers: {}, ip: 'unknown', socket })).toBeUndefined()
    expect(clientIp({ headers: {} })).toBeUndefined()
  })

  it.each([
    ['203.0.113.9', '203.0.113.9'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['unknown', undefined],
    ['"><script>', undefined],
  ])('a lookup sends the client address: %s', async (sent, told) => {
    const upstream = await httpServer((_req, res) => void res.writeHead(503).end())
    onTestFinished(() => upstream.close())
    const options = { orgUrl: upstream.url, upstream: { forwardClientIp: true } }
    const okta = startOkta(options, new TestClock())
    const app = express().set('trust proxy', true).use(okta.requireSession())
    await request(await serve(app))
      .get('/')
      .set({ Cookie: 'sid=102example', 'X-Forwarded-For': sent })
      .expect(503)
    expect(upstream.seen[0]?.headers['x-forwarded-for']).toBe(told)
  })
})
