import { once } from 'node:events'
import { Agent, type ClientRequest } from 'node:http'
import { Agent as TlsAgent } from 'node:https'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { SessionApi } from 'express-okta-session'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Identity, trustworthy } from './certificates.js'

/** A session's 200 as it goes over the wire. */
function answerFor(userId: string): string {
  const session = {
    id: `ext-${userId}`,
    login: `${userId}@example.com`,
    userId,
    status: 'ACTIVE',
    expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
    amr: ['pwd'],
  }
  const body = JSON.stringify(session)
  return `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

interface Upstream {
  readonly orgUrl: string
  /** Its connections, in the order in which they were opened. */
  readonly sockets: readonly Socket[]
  /** The request lines that its application has read. */
  readonly requests: readonly string[]
}

interface UpstreamChoices {
  /** Bytes right behind the first answer, without a request. */
  readonly behindTheFirst?: string
  /** Gets the first connection at its second request, or the one named, in place of an answer. */
  readonly loses?: (socket: Socket) => void
  readonly losesAt?: number
  /** Speaks TLS with this certificate. */
  readonly identity?: Identity
}

/** An upstream that answers each request for `alice`, and keeps its connections. */
async function upstream(choices: UpstreamChoices = {}): Promise<Upstream> {
  const { behindTheFirst = '', loses, losesAt = 2, identity } = choices
  const sockets: Socket[] = []
  const requests: string[] = []
  const onConnection = (socket: Socket) => {
    sockets.push(socket)
    const isFirst = sockets.length === 1
    let count = 0
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      count += 1
      if (isFirst && count >= losesAt && loses !== undefined) return loses(socket)
      requests.push(String(bytes).split(' HTTP')[0] ?? '')
      socket.write(answerFor('alice') + (isFirst && count === 1 ? behindTheFirst : ''))
    })
  }
  const server = identity ? createTlsServer(identity, onConnection) : createServer(onConnection)
  server.listen(0, 'localhost')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const { port } = server.address() as AddressInfo
  return { orgUrl: `http${identity ? 's' : ''}://localhost:${port}`, sockets, requests }
}

function apiFor(orgUrl: string, agent?: Agent): SessionApi {
  const api = new SessionApi({ orgUrl, ...(agent && { agent }) })
  onTestFinished(async () => {
    await api.close()
    agent?.destroy()
  })
  return api
}

describe.each([
  ['the agent of the package', () => undefined],
  ['an agent of the application', () => new Agent({ keepAlive: true })],
])('a connection to Okta on which bytes arrive without a request: %s', (_, agentOf) => {
  it('a connection is not used again when bytes come while it is idle', async () => {
    const { orgUrl, sockets } = await upstream()
    const api = apiFor(orgUrl, agentOf())
    expect((await api.getCurrentSession('sid=first-cookie')).userId).toBe('alice')
    const [first] = sockets
    if (first === undefined) throw new Error('no connection')
    const closed = once(first, 'close')
    first.write(answerFor('mallory'))
    await closed
    expect((await api.getCurrentSession('sid=second-cookie')).userId).toBe('alice')
    expect(sockets).toHaveLength(2)
  })

  it('a connection is not used again when bytes have arrived and are unread at the next request', async () => {
    const { orgUrl, sockets } = await upstream()
    const api = apiFor(orgUrl, agentOf())
    expect((await api.getCurrentSession('sid=first-cookie')).userId).toBe('alice')
    // In one iteration of the event loop: the bytes are in the socket's buffer, and the client has not read them.
    sockets[0]?.write(answerFor('mallory'))
    expect((await api.getCurrentSession('sid=second-cookie')).userId).toBe('alice')
    expect(sockets).toHaveLength(2)
  })

  it('bytes behind an answer do not answer the next request', async () => {
    const { orgUrl, sockets } = await upstream({ behindTheFirst: answerFor('mallory') })
    const api = apiFor(orgUrl, agentOf())
    expect((await api.getCurrentSession('sid=first-cookie')).userId).toBe('alice')
    expect((await api.getCurrentSession('sid=second-cookie')).userId).toBe('alice')
    expect(sockets).toHaveLength(2)
  })

  it('a connection without further bytes is used again', async () => {
    const { orgUrl, sockets } = await upstream()
    const api = apiFor(orgUrl, agentOf())
    for (const cookie of ['sid=first-cookie', 'sid=second-cookie', 'sid=third-cookie'])
      expect((await api.getCurrentSession(cookie)).userId).toBe('alice')
    expect(sockets).toHaveLength(1)
  })
})

const plain = { identity: undefined, agentOf: () => undefined }
const overTls = {
  identity: trustworthy,
  agentOf: () => new TlsAgent({ keepAlive: true, ca: trustworthy.cert }),
}

describe.each([
  ['http', plain],
  ['TLS', overTls],
])('a POST on an idle connection that the other side closes at that moment, over %s', (_, wire) => {
  const { identity, agentOf } = wire
  const open = async (loses: (socket: Socket) => void) => {
    const org = await upstream({ loses, ...(identity && { identity }) })
    const api = apiFor(org.orgUrl, agentOf())
    await api.getCurrentSession('sid=first-cookie')
    return { ...org, api }
  }
  const destroy = (socket: Socket) => void socket.destroy()
  const losses: [how: string, loses: (socket: Socket) => void][] = [
    ['closes', (socket) => void socket.end()],
    ['destroys', destroy],
  ]
  // A TLS socket cannot be told to reset its connection.
  if (identity === undefined) losses.push(['resets', (socket) => void socket.resetAndDestroy()])

  it.each(losses)(
    'a refresh is sent again on a new connection when the other side %s it',
    async (_, loses) => {
      const { api, requests, sockets } = await open(loses)
      expect((await api.refreshCurrentSession('sid=first-cookie')).userId).toBe('alice')
      expect(sockets).toHaveLength(2)
      expect(requests).toHaveLength(2)
    },
  )

  it('createSession is not sent again where the other side may have read it', async () => {
    const { api, sockets } = await open(destroy)
    await expect(api.createSession({ sessionToken: 'a-token' })).rejects.toMatchObject({
      code: 'reset',
    })
    expect(sockets).toHaveLength(1)
  })

  it('a refresh is not sent again once a byte of its answer has come', async () => {
    const { api, sockets } = await open((socket) => {
      socket.write('HTTP/1.1 2', () => socket.destroy())
    })
    await expect(api.refreshCurrentSession('sid=first-cookie')).rejects.toMatchObject({
      name: 'OktaUnavailableError',
    })
    expect(sockets).toHaveLength(1)
  })

  it('createSession is sent on a new connection where the idle one was closed just before', async () => {
    const { api, requests, sockets } = await open(destroy)
    sockets[0]?.destroy()
    expect((await api.createSession({ sessionToken: 'a-token' })).userId).toBe('alice')
    expect(requests).toHaveLength(2)
    expect(sockets).toHaveLength(2)
  })
})

it('a refresh on a new connection that is lost is not sent again', async () => {
  const { orgUrl, sockets } = await upstream({
    loses: (socket) => void socket.destroy(),
    losesAt: 1,
  })
  const refresh = apiFor(orgUrl).refreshCurrentSession('sid=first-cookie')
  await expect(refresh).rejects.toMatchObject({ code: 'reset' })
  expect(sockets).toHaveLength(1)
})

/** An agent whose idle connection refuses what is written to it, as the system does after a reset. */
class RefusingAgent extends Agent {
  override reuseSocket(socket: Socket, request: ClientRequest): void {
    super.reuseSocket(socket, request)
    const error = Object.assign(new Error('write EPIPE'), { code: 'EPIPE', syscall: 'write' })
    const refuse = (done: (error: Error) => void) => {
      // Node counts the bytes of a write before the system takes or refuses it.
      Object.defineProperty(socket, 'bytesWritten', { value: socket.bytesWritten + 1 })
      done(error)
    }
    socket._write = (_chunk, _encoding, done) => refuse(done)
    socket._writev = (_chunks, done) => refuse(done)
  }
}

it('createSession is sent once more where the system refused to write it to the idle connection', async () => {
  const { orgUrl, requests, sockets } = await upstream()
  const api = apiFor(orgUrl, new RefusingAgent({ keepAlive: true }))
  await api.getCurrentSession('sid=first-cookie')
  expect((await api.createSession({ sessionToken: 'a-token' })).userId).toBe('alice')
  expect(requests).toEqual(['GET /api/v1/sessions/me', 'POST /api/v1/sessions'])
  expect(sockets).toHaveLength(2)
})
