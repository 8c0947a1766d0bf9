import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import { type AddressInfo, connect, type Socket } from 'node:net'
import express from 'express'
import { describe, expect, it, onTestFinished } from 'vitest'
import { listen, startParts } from './door.js'

/** What a machine may take besides: its own buffers, and what was on its way. */
const MAX_TAKEN = 2 * 1_024 * 1_024
const CHUNK = Buffer.alloc(64 * 1_024, 'a')

async function open() {
  const { okta, org } = await startParts()
  const app = express()
  app.all('/login', okta.login())
  app.all('/logout', okta.logout())
  app.all('/refresh', okta.refresh())
  const server = createServer(app)
  let accepted: Socket | undefined
  server.on('connection', (socket: Socket) => {
    accepted = socket
  })
  const url = new URL(await listen(server, 'http'))
  return { org, url, taken: () => accepted?.bytesRead ?? 0 }
}

/** Sends a request that never ends, as fast as it is taken; answers what came back. */
async function flood(url: URL, head: string, frame: (chunk: Buffer) => Buffer): Promise<string> {
  const socket = connect(Number(url.port), '127.0.0.1')
  let answer = ''
  socket.on('data', (data) => {
    answer += data
  })
  socket.on('error', () => {})
  socket.write(`${head}Host: ${url.host}\r\nOrigin: ${url.origin}\r\n\r\n`)
  const more = () => {
    while (!socket.destroyed && socket.writable && socket.write(frame(CHUNK)));
  }
  socket.on('drain', more)
  more()
  await new Promise((closed) => socket.once('close', closed))
  return answer
}

const declared = 'Content-Length: 1000000000\r\n'
const chunked = 'Transfer-Encoding: chunked\r\n'
const asIs = (chunk: Buffer) => chunk
const framed = (chunk: Buffer) =>
  Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')])

describe('a body without end costs no more than its first bytes, and the client gets its answer:', () => {
  it.each([
    ['login(), a length declared', 'POST /login', declared, asIs, 413],
    ['login(), in chunks', 'POST /login', chunked, framed, 413],
    ['logout(), in chunks', 'POST /logout', chunked, framed, 204],
    ['logout(), a length declared', 'POST /logout', declared, asIs, 204],
    ['refresh(), a length declared', 'POST /refresh', declared, asIs, 401],
    ['login() by another method', 'PUT /login', declared, asIs, 405],
  ])(
    'a body without end costs no more than its first bytes, and the client gets its answer: %s',
    async (_, line, length, frame, status) => {
      const { url, taken } = await open()
      const head = `${line} HTTP/1.1\r\nContent-Type: application/json\r\n${length}`
      const answer = await flood(url, head, frame)
      expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
      expect(taken()).toBeLessThan(MAX_TAKEN)
    },
  )

  it('a cross-site post with a body without end is answered', async () => {
    const { url, taken } = await open()
    const foreign = new URL(url)
    const head = `POST /login HTTP/1.1\r\nSec-Fetch-Site: cross-site\r\n${declared}`
    const socket = connect(Number(foreign.port), '127.0.0.1')
    socket.on('error', () => {})
    let answer = ''
    socket.on('data', (data) => {
      answer += data
    })
    socket.write(`${head}Host: ${url.host}\r\nOrigin: https://evil.example\r\n\r\n`)
    const more = () => {
      while (!socket.destroyed && socket.writable && socket.write(CHUNK));
    }
    socket.on('drain', more)
    more()
    await new Promise((closed) => socket.once('close', closed))
    expect(answer).toMatch(/^HTTP\/1\.1 403 /)
    expect(taken()).toBeLessThan(MAX_TAKEN)
  })

  it.each([
    ['POST /login', 413],
    ['PUT /login', 405],
    ['POST /logout', 204],
  ])('a client that sends on after its answer, without a reset: %s', async (line, status) => {
    const { url } = await open()
    const socket = connect({ port: Number(url.port), host: '127.0.0.1', allowHalfOpen: true })
    const headers = `Host: ${url.host}\r\nOrigin: ${url.origin}\r\nContent-Type: application/json\r\n`
    socket.write(`${line} HTTP/1.1\r\n${headers}Content-Length: 60000\r\n\r\n${'x'.repeat(20_000)}`)
    const [answer] = await once(socket, 'data')
    expect(String(answer)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} .*connection: close`, 'is'))
    for (let sent = 20_000; sent < 60_000; sent += 10_000) {
      // Each goes out by itself, as from a client that reads when it has sent everything.
      await new Promise((written) => socket.write('x'.repeat(10_000), written))
    }
    socket.resume().end()
    const [hadError] = await once(socket, 'close')
    expect(hadError).toBe(false)
  })

  it('a client that declares a length and sends nothing is answered, and let go', async () => {
    const { url } = await open()
    const socket = connect({ port: Number(url.port), host: '127.0.0.1', allowHalfOpen: true })
    const head = `POST /login HTTP/1.1\r\nHost: ${url.host}\r\nOrigin: ${url.origin}\r\n`
    socket.write(`${head}${declared}\r\n`)
    let answer = ''
    for await (const data of socket) answer += String(data)
    expect(answer).toMatch(/^HTTP\/1\.1 413 /)
  })

  it('a connection whose body was small is kept', async () => {
    const { url } = await open()
    const answer = await fetch(new URL('/login', url), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Origin: url.origin },
      body: '{}',
    })
    expect(answer.status).toBe(400)
    expect(answer.headers.get('connection')).not.toBe('close')
  })

  it('login() over HTTP/2 answers a body without end', async () => {
    const { okta } = await startParts()
    const login = okta.login()
    const server = createHttp2Server((req, res) => login(req as never, res as never, () => {}))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    const origin = `http://localhost:${(server.address() as AddressInfo).port}`
    const client = connectHttp2(origin)
    onTestFinished(() => client.destroy())
    const stream = client.request({
      ':method': 'POST',
      ':path': '/login',
      'content-type': 'application/json',
      'content-length': 1_000_000_000,
      origin,
    })
    stream.on('error', () => {})
    let sent = 0
    const more = () => {
      while (!stream.destroyed && stream.writable && stream.write(CHUNK)) sent += CHUNK.length
    }
    stream.on('drain', more)
    more()
    const [headers] = await once(stream, 'response')
    expect(headers[':status']).toBe(413)
    stream.resume()
    await once(stream, 'close')
    expect(sent).toBeLessThan(MAX_TAKEN)
  })
})
