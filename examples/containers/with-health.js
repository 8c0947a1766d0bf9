/** Answers health checks, in front of the app and its middleware. */

/** The path is not passed on by nginx.conf: checks come to the port of the container. */
export const HEALTH_PATH = '/health'

/**
 * The answer says that this process runs and takes requests, which is enough for liveness and for readiness. It
 * does not depend on Okta or Redis: in an outage of either the app serves what it has cached, and a restart of
 * all instances would lose that.
 *
 * @param {import('node:http').RequestListener} app
 * @returns {import('node:http').RequestListener}
 */
export function withHealth(app) {
  return function answerHealth(req, res) {
    if (req.url !== HEALTH_PATH) return app(req, res)
    res.writeHead(200, { 'content-type': 'text/plain', 'cache-control': 'no-store' }).end('ok\n')
  }
}
