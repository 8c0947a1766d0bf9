/** What can go wrong on the way: no connection, half an answer, too much of one, one that is packed. */
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createNetServer, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { expired, misnamed, trustworthy } from '../okta/certificates.js'
import {
  type AnswerHttp,
  type AnswerTcp,
  type Fault,
  json,
  sessionJson,
  UPSTREAM,
  wire,
} from './faulty-org.js'
import type { Row } from './row.js'

const tcp = (answer: AnswerTcp): Fault => ({ over: 'tcp', answer })
const http = (answer: AnswerHttp): Fault => ({ over: 'http', answer })

/** A retry is made where no server was reached. */
const twice = { received: 2 } as const

/** A 200 with these headers and this body, then the end. */
const raw = (headers: readonly string[], body = sessionJson(), status = '200 OK') =>
  tcp((socket) => socket.end(wire(status, ['Content-Type: application/json', ...headers], body)))

export const connectionFaults: readonly Row[] = [
  ['a host that does not exist', at('https://org.invalid'), 'dns'],
  ['a port without a listener', { over: 'nothing', orgUrl: freePort }, 'connect'],
  [
    'a connection reset before the answer',
    tcp((socket) => socket.resetAndDestroy()),
    'reset',
    twice,
  ],
  ['a connection closed without a word', tcp((socket) => socket.end()), 'reset', twice],
  ['a connection reset inside the head', cutAfter('HTTP/1.1 200 OK\r\nConte'), 'reset', twice],
  ['a connection reset inside the body', cutAfter(halfAnAnswer()), 'reset', twice],
  [
    'a connection closed inside the body',
    tcp((socket) => socket.end(halfAnAnswer())),
    'reset',
    twice,
  ],
  ['a chunk that breaks off', raw(['Transfer-Encoding: chunked'], '40\r\n{"id":"'), 'reset', twice],

  ['silence', tcp(() => {}), 'timeout'],
  ['a head that never ends', trickle('HTTP/1.1 200 OK\r\n', 'X: y\r\n'), 'timeout'],
  ['a body that never ends', trickle(halfAnAnswer(), ' '), 'timeout'],
  ['a length that promises more', tcp((socket) => socket.write(halfAnAnswer())), 'timeout'],
  ['a length that promises less', raw(['Content-Length: 20']), 'malformed'],
  ['two lengths', raw(['Content-Length: 9', 'Content-Length: 10']), 'malformed'],
  ['a length and chunks', raw(['Content-Length: 2', 'Transfer-Encoding: chunked']), 'malformed'],
  ['what is no HTTP', tcp((socket) => socket.end(`${UPSTREAM}\r\n\r\n`)), 'malformed'],
  ['a status that is no number', raw([], sessionJson(), 'OK'), 'malformed'],
  ['20 KB of headers', raw([`X: ${'y'.repeat(20_000)}`]), 'too_large'],

  ['an expired certificate', { over: 'tls', identity: expired, trusted: expired }, 'tls'],
  ['a certificate for another host', { over: 'tls', identity: misnamed, trusted: misnamed }, 'tls'],
  ['a certificate of an unknown authority', { over: 'tls', identity: trustworthy }, 'tls'],
  ['a server that does not speak TLS', { over: 'nothing', orgUrl: plainServer }, 'tls'],

  ['64 KiB', http(json(200, sessionOf(65_536))), 'active'],
  ['64 KiB and a byte', http(json(200, sessionOf(65_537))), 'too_large'],
  ['64 KiB and a byte in chunks', http(inChunks(sessionOf(65_537))), 'too_large'],
  [
    '100 MB',
    http(flood({ 'Content-Length': '100000000' })),
    'too_large',
    { wroteLess: 20_000_000 },
  ],
  ['100 MB in chunks', http(flood({})), 'too_large', { wroteLess: 20_000_000 }],
  ['a gzip bomb', http(gzipped(Buffer.alloc(20_000_000))), 'encoding'],
  ['a session in gzip, unasked', http(gzipped(Buffer.from(sessionJson()))), 'encoding'],
  [
    'a session called gzip',
    http(json(200, sessionJson(), { 'Content-Encoding': 'gzip' })),
    'encoding',
  ],
  ['a session called br', http(json(200, sessionJson(), { 'Content-Encoding': 'br' })), 'encoding'],
  [
    'a session called identity',
    http(json(200, sessionJson(), { 'Content-Encoding': 'identity' })),
    'active',
  ],
]

function at(orgUrl: string): Fault {
  return { over: 'nothing', orgUrl: async () => orgUrl }
}

/** A port that was free a moment ago. */
async function freePort(): Promise<string> {
  const server = createNetServer()
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return `http://localhost:${port}`
}

/** Lives as long as the test process does. */
async function plainServer(): Promise<string> {
  const server = createServer((_req, res) => res.end(sessionJson()))
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve))
  server.unref()
  const { port } = server.address() as AddressInfo
  return `https://localhost:${port}`
}

function halfAnAnswer(): string {
  const body = sessionJson()
  const headers = ['Content-Type: application/json', `Content-Length: ${body.length}`]
  return wire('200 OK', headers, body.slice(0, body.length / 2))
}

/** Resets the connection once these bytes are out. */
function cutAfter(text: string): Fault {
  return tcp((socket) => socket.write(text, () => socket.resetAndDestroy()))
}

/** A beginning, then a little more every 20 ms for as long as somebody listens. */
function trickle(beginning: string, more: string): Fault {
  return tcp((socket: Socket) => {
    socket.write(beginning)
    const timer = setInterval(() => socket.write(more), 20)
    socket.on('close', () => clearInterval(timer))
  })
}

/** A session in JSON of exactly so many bytes. */
function sessionOf(bytes: number): string {
  const padding = bytes - sessionJson({ padding: '' }).length
  return sessionJson({ padding: 'x'.repeat(padding) })
}

function inChunks(body: string): AnswerHttp {
  return (_req, res) => {
    res.setHeader('Content-Type', 'application/json')
    res.write(body.slice(0, 100))
    res.end(body.slice(100))
  }
}

function gzipped(body: Buffer): AnswerHttp {
  const packed = gzipSync(body)
  return (_req, res) => {
    res.setHeader('Content-Type', 'application/json')
    res.setHeader('Content-Encoding', 'gzip')
    res.end(packed)
  }
}

/** 100 MB as fast as they are taken. */
function flood(headers: Readonly<Record<string, string>>): AnswerHttp {
  const piece = Buffer.alloc(64 * 1_024, 0x20)
  return (_req, res, org) => {
    res.writeHead(200, { 'Content-Type': 'application/json', ...headers })
    const pour = () => {
      while (org.written < 99_000_000 && !res.destroyed) {
        org.written += piece.length
        if (!res.write(piece)) {
          res.once('drain', pour)
          return
        }
      }
    }
    pour()
  }
}
