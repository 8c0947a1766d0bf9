import { getEventListeners } from 'node:events'
import { Agent } from 'node:http'
import { inspect } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import {
  createExchange,
  type Exchange,
  type HttpRequest,
  type HttpResult,
} from '../../src/okta/exchange.js'
import { bytes, httpServer, latch, type RawServer, tcpServer } from './raw-server.js'

const GET: HttpRequest = { method: 'GET', path: '/api/v1/sessions/me' }
const open: { close(): Promise<void> }[] = []

afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()))
})

function kept<T extends { close(): Promise<void> }>(each: T): T {
  open.push(each)
  return each
}

function exchangeWith(orgUrl: string, timeoutMs = 2_000): Exchange {
  return kept(createExchange({ orgUrl, timeoutMs }))
}

async function answerOf(server: RawServer, timeoutMs?: number): Promise<HttpResult> {
  return exchangeWith(kept(server).url, timeoutMs).send(GET)
}

function codeOf(result: HttpResult): string {
  return result.kind === 'failed' ? result.code : result.kind
}

describe('what is sent', () => {
  it('a request names the package and accepts plain JSON only', async () => {
    const server = kept(await httpServer((_req, res) => res.end('{}')))
    await exchangeWith(server.url).send({ ...GET, headers: { cookie: 'sid=abc' } })
    const [seen] = server.seen
    expect(seen?.method).toBe('GET')
    expect(seen?.url).toBe('/api/v1/sessions/me')
    expect(seen?.headers).toMatchObject({
      accept: 'application/json',
      'accept-encoding': 'identity',
      cookie: 'sid=abc',
      'user-agent': expect.stringMatching(/^express-okta-session\/\d+\.\d+\.\d+ node\/\d+\./),
    })
    expect(seen?.headers).not.toHaveProperty('authorization')
    expect(seen?.headers).not.toHaveProperty('content-type')
  })

  it('a request has its body’s type and length, and an empty POST length 0', async () => {
    const server = kept(await httpServer((_req, res) => res.end('{}')))
    const exchange = exchangeWith(server.url)
    await exchange.send({
      method: 'POST',
      path: '/a',
      body: { type: 'application/json', text: '{"é":1}' },
    })
    await exchange.send({ method: 'POST', path: '/b' })
    expect(server.seen[0]?.body).toBe('{"é":1}')
    expect(server.seen[0]?.headers).toMatchObject({
      'content-type': 'application/json',
      'content-length': '8',
    })
    expect(server.seen[1]?.headers['content-length']).toBe('0')
  })

  it('calls in a row use one connection', async () => {
    const server = kept(await httpServer((_req, res) => res.end('{}')))
    const exchange = exchangeWith(server.url)
    for (let i = 0; i < 3; i += 1) await exchange.send(GET)
    expect(server.connections()).toBe(1)
  })

  it("a request goes through the user's agent, which close() leaves open", async () => {
    const server = kept(await httpServer((_req, res) => res.end('{}')))
    const agent = new Agent({ keepAlive: true })
    const exchange = createExchange({ orgUrl: server.url, timeoutMs: 2_000, agent })
    await exchange.send(GET)
    await exchange.close()
    expect(Object.keys(agent.freeSockets)).toHaveLength(1)
    agent.destroy()
  })
})

it('a request goes through an agent that has no events and no pool of idle connections', async () => {
  const server = kept(await httpServer((_req, res) => res.end('{}')))
  const inner = new Agent()
  const agent = {
    addRequest: Reflect.get(inner, 'addRequest').bind(inner),
    destroy: () => inner.destroy(),
    protocol: 'http:',
  } as unknown as Agent
  const exchange = createExchange({ orgUrl: server.url, timeoutMs: 2_000, agent })
  expect(await exchange.send(GET)).toMatchObject({ kind: 'answered', status: 200 })
  await exchange.close()
})

describe('answers', () => {
  it.each([200, 204, 302, 304, 404, 429, 500, 503, 799])(
    'an answer with status %i is handed over as it came',
    async (status) => {
      const result = await answerOf(
        await httpServer((_req, res) => {
          res.writeHead(status, { location: '/elsewhere', 'x-a': 'b' })
          res.end()
        }),
      )
      expect(result).toMatchObject({ kind: 'answered', status })
      expect(result.kind === 'answered' && result.headers.get('x-a')).toEqual(['b'])
    },
  )

  it('an answer keeps repeated headers apart and may have hostile header names', async () => {
    const result = await answerOf(
      await tcpServer(
        bytes(
          'HTTP/1.1 200 OK',
          'X-Rate-Limit-Limit: 1',
          'x-rate-limit-limit: 2',
          'constructor: x',
          '__proto__: y',
          'Content-Length: 2',
          '',
          '{}',
        ),
      ),
    )
    if (result.kind !== 'answered') throw new Error(result.kind)
    expect(result.headers.get('x-rate-limit-limit')).toEqual(['1', '2'])
    expect(result.headers.get('constructor')).toEqual(['x'])
    expect(result.body?.toString()).toBe('{}')
  })

  it('an answer’s compressed body is not inflated', async () => {
    const result = await answerOf(
      await httpServer((_req, res) => {
        res.writeHead(200, { 'content-encoding': 'gzip' })
        res.end('not gzip at all')
      }),
    )
    expect(result.kind === 'answered' && result.body?.toString()).toBe('not gzip at all')
  })
})

describe('the body cap', () => {
  it('an answer’s body may have 64 KiB and not a byte more, announced or not', async () => {
    const sized = (length: number, announced: 'announced' | 'chunked') =>
      httpServer((_req, res) => {
        if (announced === 'announced') res.setHeader('content-length', length)
        res.end(Buffer.alloc(length, 'a'))
      })
    const lengths = async (length: number) => {
      const [a, b] = await Promise.all(
        (['announced', 'chunked'] as const).map(async (how) => answerOf(await sized(length, how))),
      )
      return [a, b].map((each) => (each?.kind === 'answered' ? each.body?.length : each?.kind))
    }
    expect(await lengths(65_536)).toEqual([65_536, 65_536])
    expect(await lengths(65_537)).toEqual([undefined, undefined])
  })

  it('a body of 100 MB is cut off early, and its status is known', async () => {
    let written = 0
    const cut = latch()
    const server = await httpServer((_req, res) => {
      res.writeHead(404)
      const chunk = Buffer.alloc(64 * 1024, 'a')
      const pump = () => {
        while (written < 100 * 1024 * 1024) {
          written += chunk.length
          if (!res.write(chunk)) return void res.once('drain', pump)
        }
        res.end()
      }
      res.on('close', cut.resolve)
      pump()
    })
    const result = await answerOf(server)
    // Not compared as a whole: the difference would be printed.
    expect(result.kind === 'answered' && [result.status, result.body?.length]).toEqual([
      404,
      undefined,
    ])
    await cut.promise
    // What the kernel's socket buffers hold on loopback was sent before the cut could arrive.
    expect(written).toBeLessThan(20 * 1024 * 1024)
  })

  it('a body announced as too long is not waited for', async () => {
    const server = await httpServer((_req, res) => {
      res.writeHead(200, { 'content-length': 100_000_000 })
      res.write('a')
    })
    expect(await answerOf(server, 60_000)).toMatchObject({ kind: 'answered', body: undefined })
  })
})

describe('failures', () => {
  it('silence is a timeout, before the headers and inside the body', async () => {
    expect(codeOf(await answerOf(await httpServer(() => {}), 50))).toBe('timeout')
    const stalled = await httpServer((_req, res) => {
      res.writeHead(200, { 'content-length': 10 })
      res.write('1')
    })
    expect(codeOf(await answerOf(stalled, 50))).toBe('timeout')
  })

  it('an answer in small pieces does not outlive the deadline', async () => {
    const trickle = await httpServer((_req, res) => {
      const timer = setInterval(() => res.write(' '), 10)
      res.on('close', () => clearInterval(timer))
    })
    expect(codeOf(await answerOf(trickle, 100))).toBe('timeout')
  })

  it('a lost connection is reset, before the answer and inside it', async () => {
    expect(codeOf(await answerOf(await tcpServer((socket) => socket.resetAndDestroy())))).toBe(
      'reset',
    )
    const short = bytes('HTTP/1.1 200 OK', 'Content-Length: 10', '', '123')
    expect(codeOf(await answerOf(await tcpServer(short)))).toBe('reset')
    const chunked = bytes('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked', '', '5', '123')
    expect(codeOf(await answerOf(await tcpServer(chunked)))).toBe('reset')
  })

  it('an answer that is not HTTP is malformed', async () => {
    expect(codeOf(await answerOf(await tcpServer(bytes('SSH-2.0-OpenSSH', ''))))).toBe('malformed')
  })

  it('endless headers are too_large', async () => {
    const endless = bytes('HTTP/1.1 200 OK', `X-A: ${'a'.repeat(100_000)}`, '', '')
    expect(codeOf(await answerOf(await tcpServer(endless)))).toBe('too_large')
  })

  it('a refused connection is connect and an unknown host dns', async () => {
    const server = await httpServer(() => {})
    await server.close()
    expect(codeOf(await exchangeWith(server.url).send(GET))).toBe('connect')
    expect(codeOf(await exchangeWith('http://nowhere.invalid').send(GET))).toBe('dns')
  })

  it('a server without TLS is tls', async () => {
    const server = kept(await tcpServer(bytes('HTTP/1.1 400 Bad Request', '', '')))
    const result = await exchangeWith(server.url.replace('http:', 'https:')).send(GET)
    expect(codeOf(result)).toBe('tls')
  })

  it('a failure’s cause holds the name, code and message of the client’s error, and nothing of the request', async () => {
    const server = await httpServer(() => {})
    await server.close()
    const result = await exchangeWith(server.url).send({
      ...GET,
      headers: { cookie: 'sid=cookie-secret', authorization: 'SSWS token-secret' },
    })
    if (result.kind !== 'failed') throw new Error(result.kind)
    expect(result.cause?.message).toMatch(/^connect ECONNREFUSED 127\.0\.0\.1:\d+$/)
    expect(result.cause).toMatchObject({ name: 'RequestError', code: 'ECONNREFUSED' })
    expect(Object.keys(result.cause ?? {})).toEqual(['code'])
    const shown = inspect(result, { depth: Infinity, showHidden: true }) + JSON.stringify(result)
    expect(shown).not.toMatch(/secret/)
  })
})

describe("the caller's signal", () => {
  it('a signal aborted already prevents the call', async () => {
    const server = kept(await httpServer((_req, res) => res.end('{}')))
    const reason = new Error('enough')
    const result = await exchangeWith(server.url).send(GET, { signal: AbortSignal.abort(reason) })
    expect(result).toEqual({ kind: 'aborted', reason })
    expect(server.seen).toHaveLength(0)
  })

  it('a signal ends a call at once and is told apart from the deadline', async () => {
    const controller = new AbortController()
    const server = kept(await httpServer(() => controller.abort()))
    const result = await exchangeWith(server.url, 60_000).send(GET, { signal: controller.signal })
    expect(result).toMatchObject({ kind: 'aborted', reason: { name: 'AbortError' } })
  })

  it('a signal may abort after the answer without effect', async () => {
    const server = kept(await httpServer((_req, res) => res.end('{}')))
    const controller = new AbortController()
    const result = await exchangeWith(server.url).send(GET, { signal: controller.signal })
    controller.abort()
    await new Promise((resolve) => setImmediate(resolve))
    expect(result.kind).toBe('answered')
  })

  it('a signal has no listener left after any number of calls', async () => {
    const server = kept(await httpServer((_req, res) => res.end('{}')))
    const { signal } = new AbortController()
    const exchange = exchangeWith(server.url)
    for (let i = 0; i < 5; i += 1) await exchange.send(GET, { signal })
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })
})

describe('close', () => {
  it('close() waits for calls in flight, rejects later ones, and leaves no connection', async () => {
    const received = latch()
    const answer = latch()
    const server = kept(
      await httpServer(async (_req, res) => {
        received.resolve()
        await answer.promise
        res.end('{}')
      }),
    )
    const exchange = createExchange({ orgUrl: server.url, timeoutMs: 2_000 })
    const pending = exchange.send(GET)
    await received.promise
    const closing = exchange.close()
    expect(codeOf(await exchange.send(GET))).toBe('closed')
    answer.resolve()
    expect((await pending).kind).toBe('answered')
    await closing
    await server.noConnection()
  })
})
