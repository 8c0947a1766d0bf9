import express from 'express'
import request from 'supertest'
import { describe, expect, it, vi } from 'vitest'
import { clientKey, createClientAddress } from '../../src/http/client-address.js'
import { createLog } from '../../src/telemetry/log-lines.js'

function addressOf(
  req: { ip?: string; ips?: string[]; peer?: string; forwarded?: string },
  warn = vi.fn(),
) {
  const headers = req.forwarded === undefined ? {} : { 'x-forwarded-for': req.forwarded }
  const like = { ...req, headers, socket: { remoteAddress: req.peer } }
  return createClientAddress(createLog({ warn }, 'id.example.com'))(like)
}

describe('the client address', () => {
  it.each([
    ['the peer of the socket', { peer: '203.0.113.7' }, '203.0.113.7'],
    [
      'the peer, whatever a stranger forwards',
      { peer: '203.0.113.7', forwarded: '1.1.1.1' },
      '203.0.113.7',
    ],
    [
      'req.ip where the app trusts a proxy',
      { ip: '198.51.100.4', peer: '10.0.0.1', forwarded: '198.51.100.4' },
      '198.51.100.4',
    ],
    ['a private peer that forwards nothing', { peer: '10.0.0.1' }, '10.0.0.1'],
    [
      'a client of the intranet behind a trusted proxy',
      { ip: '10.9.9.9', peer: '10.0.0.1', forwarded: '10.9.9.9' },
      '10.9.9.9',
    ],
    [
      'a client on the very host of a trusted proxy',
      { ip: '127.0.0.1', ips: ['127.0.0.1'], peer: '127.0.0.1', forwarded: '127.0.0.1' },
      '127.0.0.1',
    ],
    [
      'a shared peer where what is forwarded is no address',
      { ip: 'unknown', peer: '10.0.0.1', forwarded: 'unknown' },
      'shared 10.0.0.1',
    ],
    ['no client when there is no address', {}, undefined],
    ['no client behind a Unix socket that forwards', { forwarded: '198.51.100.4' }, undefined],
  ])('the client address is %s', (_what, req, address) => {
    expect(addressOf(req)).toBe(address)
  })

  it.each([
    '127.0.0.1',
    '::1',
    '::ffff:127.0.0.1',
    '10.1.2.3',
    '172.31.0.1',
    '192.168.1.1',
    '169.254.1.1',
    '100.64.0.1',
    'fd00::1',
    'fe80::1%eth0',
  ])(
    'clients behind an untrusted proxy at %s share a peer, with one warning that names the setting',
    (peer) => {
      const warn = vi.fn()
      const clientAddress = createClientAddress(createLog({ warn }, 'id.example.com'))
      for (let i = 0; i < 3; i += 1) {
        const headers = { 'x-forwarded-for': `198.51.100.${i}` }
        expect(
          clientAddress({ headers, ip: peer, ips: [], socket: { remoteAddress: peer } } as never),
        ).toBe(`shared ${clientKey(peer)}`)
      }
      expect(warn).toHaveBeenCalledOnce()
      expect(warn.mock.calls[0]?.[0]).toMatch(/trust proxy.+appUrl/)
    },
  )

  it.each(['172.32.0.1', '100.128.0.1', '192.169.0.1', '11.0.0.1', '2001:db8::1'])(
    'a peer at %s, which is no private address, is a client of its own',
    (peer) => {
      expect(addressOf({ peer, forwarded: '198.51.100.1' })).toBe(clientKey(peer))
    },
  )

  it.each([
    [undefined, 'shared 127.0.0.1'],
    ['loopback', '198.51.100.9'],
  ])('the client address with Express and trust proxy %s is %s', async (trust, address) => {
    const clientAddress = createClientAddress(undefined)
    const app = express()
    if (trust !== undefined) app.set('trust proxy', trust)
    app.use((req, res) => {
      res.json({ address: clientAddress(req) ?? null })
    })
    const { body } = await request(app).get('/').set('X-Forwarded-For', '198.51.100.9')
    expect(body.address).toBe(address ?? null)
  })
})

describe('the client key', () => {
  it.each([
    ['198.51.100.9', '198.51.100.9'],
    ['::ffff:198.51.100.9', '198.51.100.9'],
    ['::FFFF:198.51.100.9', '198.51.100.9'],
    ['198.51.100.9:41234', '198.51.100.9'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::9', '2001:db8:1:2::/64'],
    ['[2001:db8:1:2::9]:41234', '2001:db8:1:2::/64'],
    ['2001:db8::9', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['unknown', undefined],
    ['', undefined],
    ['198.51.100', undefined],
    ['1.2.3.4.5', undefined],
    ['_hidden', undefined],
  ])('the client key of %s is %s', (address, key) => {
    expect(clientKey(address)).toBe(key)
  })
})
