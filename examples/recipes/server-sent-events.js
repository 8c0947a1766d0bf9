/** A stream of the app's own, as Server-Sent Events, that ends with the user's session and says why. */
import express from 'express'

/** Less than the minute after which common proxies close a silent connection. */
const HEARTBEAT_MS = 20_000
/** A client that reads more slowly than the app writes would fill the memory of the process. */
const MAX_UNREAD_BYTES = 256 * 1024

/**
 * @param {object} parts
 * @param {import('express-okta-session').OktaSession} parts.okta
 * @param {import('node:events').EventEmitter} parts.news Emits `story` with anything that JSON can hold.
 */
export function createApp({ okta, news }) {
  const app = express()
  app.post('/sign-out', okta.logout())
  app.get('/news', okta.requireSession(), (req, res) => {
    // nginx would keep the events in a buffer, and compression as well.
    res.set({ 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' })
    res.set('cache-control', 'private, no-store, no-transform').flushHeaders()

    const sendStory = (/** @type {unknown} */ story) => {
      res.write(`event: story\ndata: ${JSON.stringify(story)}\n\n`)
      if (res.writableLength > MAX_UNREAD_BYTES) res.destroy()
    }
    const heartbeat = setInterval(() => res.write(':\n\n'), HEARTBEAT_MS)
    const unwatch = okta.watch(req, (reason) => {
      // Not at `close`, which a slow client delays: a write after the end would be an error that ends the process.
      stop()
      res.end(`event: ended\ndata: ${reason}\n\n`)
    })
    const stop = () => {
      clearInterval(heartbeat)
      unwatch()
      news.off('story', sendStory)
    }
    news.on('story', sendStory)
    // The client has gone.
    res.once('close', stop)
  })
  return app
}
