/** Tells an open page when its session ends, and why, as Server-Sent Events. */

/** Less than the minute after which common proxies close a silent connection. */
const HEARTBEAT_MS = 20_000

/**
 * Mount it behind a guard. Over HTTP/1.1 a browser opens at most six connections to a host, and each page holds
 * one of them: serve an app with many tabs over HTTP/2.
 *
 * @param {import('express-okta-session').OktaSession} okta
 */
export function sessionEvents(okta) {
  /**
   * @param {import('express').Request} req
   * @param {import('express').Response} res
   */
  return function sendSessionEvents(req, res) {
    // nginx would keep the events in a buffer.
    res.set({ 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' }).flushHeaders()
    const heartbeat = setInterval(() => res.write(':\n\n'), HEARTBEAT_MS)
    const unwatch = okta.watch(req, (reason) => {
      // Not at `close`, which a slow client delays: a write after the end would be an error that ends the process.
      clearInterval(heartbeat)
      // `closed`: this app stops, the session does not. The browser connects again without a word to the user.
      res.end(reason === 'closed' ? undefined : `event: ended\ndata: ${reason}\n\n`)
    })
    res.on('close', () => {
      clearInterval(heartbeat)
      unwatch()
    })
  }
}
