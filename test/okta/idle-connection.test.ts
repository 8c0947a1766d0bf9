import { once } from 'node:events'
import { Agent } from 'node:http'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { SessionApi } from 'express-okta-session'
import { describe, expect, it, onTestFinished } from 'vitest'

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

/** An upstream that answers each request for `alice`, and keeps its connections. */
async function upstream(behindTheFirst: string) {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    let count = 0
    socket.on('data', () => {
      count += 1
      const isFirst = sockets.length === 1 && count === 1
      socket.write(answerFor('alice') + (isFirst ? behindTheFirst : ''))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const { port } = server.address() as AddressInfo
  return { orgUrl: `http://127.0.0.1:${port}`, sockets }
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
])('a connection to Okta on which bytes arrive that no request asked for: %s', (_, agentOf) => {
  it('a connection is not used again when bytes come while it is idle', async () => {
    const { orgUrl, sockets } = await upstream('')
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
    const { orgUrl, sockets } = await upstream('')
    const api = apiFor(orgUrl, agentOf())
    expect((await api.getCurrentSession('sid=first-cookie')).userId).toBe('alice')
    // In one turn of the event loop: the bytes are in the socket's buffer, and the client has not read them.
    sockets[0]?.write(answerFor('mallory'))
    expect((await api.getCurrentSession('sid=second-cookie')).userId).toBe('alice')
    expect(sockets).toHaveLength(2)
  })

  it('bytes behind an answer do not answer the next request', async () => {
    const { orgUrl, sockets } = await upstream(answerFor('mallory'))
    const api = apiFor(orgUrl, agentOf())
    expect((await api.getCurrentSession('sid=first-cookie')).userId).toBe('alice')
    expect((await api.getCurrentSession('sid=second-cookie')).userId).toBe('alice')
    expect(sockets).toHaveLength(2)
  })

  it('a connection without further bytes is used again', async () => {
    const { orgUrl, sockets } = await upstream('')
    const api = apiFor(orgUrl, agentOf())
    for (const cookie of ['sid=first-cookie', 'sid=second-cookie', 'sid=third-cookie'])
      expect((await api.getCurrentSession(cookie)).userId).toBe('alice')
    expect(sockets).toHaveLength(1)
  })
})

/**
 * An upstream that answers the first request of its first connection, and `loses` that connection at the next
 * one. `posts` are the requests that its application has read.
 */
async function closingUpstream(loses: (socket: Socket) => void) {
  const posts: string[] = []
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    const isFirst = sockets.length === 1
    let count = 0
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      count += 1
      if (isFirst && count > 1) loses(socket)
      else {
        posts.push(String(bytes).split(' HTTP')[0] ?? '')
        socket.write(answerFor('alice'))
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const { port } = server.address() as AddressInfo
  return { orgUrl: `http://127.0.0.1:${port}`, posts, sockets }
}

describe('a POST on an idle connection that the other side closes at that moment', () => {
  it.each([
    ['closes', (socket: Socket) => void socket.end()],
    ['resets', (socket: Socket) => void socket.resetAndDestroy()],
  ])('a refresh is sent again on a new connection when the other side %s it', async (_, loses) => {
    const { orgUrl, posts, sockets } = await closingUpstream(loses)
    const api = apiFor(orgUrl)
    await api.getCurrentSession('sid=first-cookie')
    expect((await api.refreshCurrentSession('sid=first-cookie')).userId).toBe('alice')
    expect(sockets).toHaveLength(2)
    expect(posts).toHaveLength(2)
  })

  it('createSession is not sent again where the other side may have read it', async () => {
    const { orgUrl, sockets } = await closingUpstream((socket) => socket.resetAndDestroy())
    const api = apiFor(orgUrl)
    await api.getCurrentSession('sid=first-cookie')
    await expect(api.createSession({ sessionToken: 'a-token' })).rejects.toThrow('reset')
    expect(sockets).toHaveLength(1)
  })

  it('createSession is sent on a new connection where the idle one was closed just before', async () => {
    const { orgUrl, sockets } = await closingUpstream((socket) => socket.end())
    const api = apiFor(orgUrl)
    await api.getCurrentSession('sid=first-cookie')
    sockets[0]?.resetAndDestroy()
    expect((await api.createSession({ sessionToken: 'a-token' })).userId).toBe('alice')
    expect(sockets).toHaveLength(2)
  })
})
