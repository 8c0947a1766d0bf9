/** The recipe for Server-Sent Events: a stream of the app's own that ends with the session. */
import { EventEmitter, once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, it, vi } from 'vitest'
import { createApp } from '../../examples/recipes/server-sent-events.js'
import { openStream } from './event-source.js'
import { serve, startParts } from './recipe-world.js'

async function start() {
  const { org, okta } = await startParts()
  const news = new EventEmitter()
  const url = await serve(createApp({ okta, news }))
  const cookie = org.signIn('alice@example.com')
  const idle = () => okta.stats().watched === 0 && news.listenerCount('story') === 0
  const signOut = () =>
    fetch(`${url}/sign-out`, { method: 'POST', headers: { cookie, origin: url } })
  return {
    org,
    okta,
    news,
    url,
    cookie,
    idle,
    signOut,
    open: () => openStream(`${url}/news`, cookie),
  }
}

describe('the recipe for Server-Sent Events', () => {
  it('the stream has the app’s events, and headers that keep proxies from holding them back', async () => {
    const { okta, news, idle, open } = await start()
    const { response, ended } = await open()
    expect(response.statusCode).toBe(200)
    expect(response.headers).toMatchObject({
      'content-type': expect.stringMatching(/^text\/event-stream\b/),
      'cache-control': 'private, no-store, no-transform',
      'x-accel-buffering': 'no',
    })
    news.emit('story', { title: 'two\nlines' })
    await okta.close()
    expect(await ended).toEqual([
      { event: 'story', data: '{"title":"two\\nlines"}' },
      { event: 'ended', data: 'closed' },
    ])
    expect(idle()).toBe(true)
  })

  it('the last event of the stream says that the user has signed out', async () => {
    const { idle, open, signOut } = await start()
    const { ended } = await open()
    expect((await signOut()).status).toBe(204)
    expect(await ended).toEqual([{ event: 'ended', data: 'signed_out' }])
    expect(idle()).toBe(true)
    // The browser connects again by itself, and gives up at this answer.
    const again = await open()
    expect(again.response.statusCode).toBe(401)
    again.leave()
  })

  it('the last event of the stream says that the session was revoked', async () => {
    const { okta, cookie, idle, open } = await start()
    const { ended } = await open()
    const { id } = await okta.api.getCurrentSession(cookie)
    await okta.api.revokeSession(id)
    expect(await ended).toEqual([{ event: 'ended', data: 'not_found' }])
    expect(idle()).toBe(true)
  })

  it('a stream whose client has gone is neither watched nor written to', async () => {
    const { okta, news, idle, open } = await start()
    const { leave } = await open()
    expect([okta.stats().watched, news.listenerCount('story')]).toEqual([1, 1])
    leave()
    await vi.waitUntil(idle)
  })

  it('the stream takes no story after the end of the session, before the client has closed it', async () => {
    const { okta, news, cookie, open, signOut } = await start()
    const { ended } = await open()
    const listeners = new Promise<number>((resolve) => {
      okta.watch({ headers: { cookie } }, () => resolve(news.listenerCount('story')))
    })
    await vi.waitUntil(() => okta.stats().watched === 2)
    await signOut()
    expect(await listeners).toBe(0)
    expect(await ended).toEqual([{ event: 'ended', data: 'signed_out' }])
  })

  it('a client that does not read is cut off before it fills the memory', async () => {
    const { news, url, cookie, idle } = await start()
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    socket.write(`GET /news HTTP/1.1\r\nHost: localhost\r\nCookie: ${cookie}\r\n\r\n`)
    await once(socket, 'readable')
    const story = 'x'.repeat(64 * 1024)
    let sent = 0
    for (; !idle() && sent < 1_000; sent += 1) {
      news.emit('story', story)
      await new Promise(setImmediate)
    }
    expect(idle()).toBe(true)
    socket.destroy()
  })
})
