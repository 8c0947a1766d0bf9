/** Cookie headers no browser sends: none passes a guard, stops the app, or causes a call that it should not. */
import { connect } from 'node:net'
import express from 'express'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { runs } from '../deep.js'
import { serve, startParts } from './door.js'

/** One guarded page, and requests of bytes of our own making. */
async function open() {
  const parts = await startParts({
    okta: {
      upstream: {
        failedLookups: { perSecond: 1_000, burst: 100_000 },
        failedLookupsPerClient: { perSecond: 1_000, burst: 100_000 },
      },
    },
  })
  const app = express()
  app.use(parts.okta.attachSession())
  app.get('/', parts.okta.requireSession(), (_req, res) => void res.send('let in'))
  const { port } = new URL(await serve(app))
  /** The status a request with these header lines gets. */
  const status = (lines: readonly string[]): Promise<number> =>
    new Promise((resolve, reject) => {
      const socket = connect(Number(port), '127.0.0.1')
      let answer = ''
      socket.on('data', (chunk) => {
        answer += chunk.toString('latin1')
      })
      socket.on('error', reject)
      socket.on('close', () => resolve(Number(/^HTTP\/1.1 (\d+)/.exec(answer)?.[1])))
      const head = ['GET / HTTP/1.1', 'Host: app', 'Connection: close', ...lines, '', ''].join(
        '\r\n',
      )
      socket.write(Buffer.from(head, 'latin1'))
    })
  return { ...parts, status }
}

const MALFORMED = [
  'idx=',
  'idx= ',
  'idx=""',
  'idx="abc"',
  'idx=a b',
  'idx=a,b',
  'idx=a\\b',
  'idx=a\x80b',
  'idx=\xff\xfe',
  'idx=a\tb',
  'idx=%00',
  'idx=a%3Bsid=b',
  `idx=${'a'.repeat(4_097)}`,
  `idx=${'a'.repeat(12_000)}`,
  'idx=a; idx=b',
  'idx=a; idx=',
  'sid=a; sid=b',
  'sid="a"',
]

const ABSENT = [
  '',
  ';',
  ';;;;',
  '=',
  '=idx=a',
  'idx',
  'idx; sid',
  ' idx',
  'Idx=a',
  'IDX=a',
  'idx =a',
  'xidx=a',
  'a=idx=a',
  'a="; idx"=a',
  '__proto__=a; constructor=b',
  'a'.repeat(8_000),
  ';'.repeat(8_000),
]

describe('hostile Cookie headers', () => {
  it.each(MALFORMED)(
    'a Cookie header without a usable session cookie is refused without a call: %#',
    async (cookie) => {
      const { org, status } = await open()
      expect(await status([`Cookie: ${cookie}`])).toBe(401)
      expect(org.calls.getCurrentSession).toBe(0)
    },
  )

  it.each(ABSENT)('a Cookie header without a session cookie is anonymous: %#', async (cookie) => {
    const { org, status } = await open()
    expect(await status([`Cookie: ${cookie}`])).toBe(401)
    expect(org.calls.getCurrentSession).toBe(0)
  })

  it('a good cookie is found whatever else the Cookie header holds', async () => {
    const { org, status } = await open()
    const good = org.signIn('alice@example.com')
    for (const cookie of [
      `;;; ${good} ;;;`,
      `\t${good}\t`,
      `a="x; ${good}; y"`,
      `__proto__=x; ${good}; constructor=y`,
      `${good}; ${good}`,
      `${'a=b; '.repeat(500)}${good}`,
    ])
      expect([cookie.slice(0, 40), await status([`Cookie: ${cookie}`])]).toEqual([
        cookie.slice(0, 40),
        200,
      ])
    expect(org.calls.getCurrentSession).toBe(1)
  })

  it('Cookie headers sent as several lines are read as one', async () => {
    const { org, status } = await open()
    const good = org.signIn('alice@example.com')
    expect(await status(['Cookie: a=b', `Cookie: ${good}`, 'Cookie: c=d'])).toBe(200)
    expect(await status([`Cookie: ${good}`, 'Cookie: idx=other'])).toBe(401)
    expect(await status([`Cookie: a=b, ${good}`])).toBe(401)
    expect(org.calls.getCurrentSession).toBe(1)
  })

  it('a Cookie header of random pieces never lets a request through, and never fails the app', async () => {
    const { org, status } = await open()
    const piece = fc.constantFrom(
      'idx',
      'sid',
      '=',
      ';',
      ' ',
      ',',
      '"',
      '%',
      'a',
      '\\',
      '\x80',
      '; ',
      'idx=a',
      'sid=b',
      '__Host-',
    )
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 12 }), async (pieces) => {
        expect(await status([`Cookie: ${pieces.join('')}`])).toBe(401)
      }),
      { numRuns: runs(50, 150) },
    )
    expect(await status([`Cookie: ${org.signIn('alice@example.com')}`])).toBe(200)
  })
})
