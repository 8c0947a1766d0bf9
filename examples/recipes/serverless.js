/** One function for a platform that freezes the process once the function has answered. */
import { setTimeout as pause } from 'node:timers/promises'
import express from 'express'

/** @param {import('express-okta-session').OktaSession} okta */
export function createApp(okta) {
  const app = express()
  app.use(okta.refreshOnActivity())
  app.get('/account', okta.requireSession(), (req, res) => {
    res.json({ login: okta.session(req).login })
  })
  app.post('/sign-out', okta.logout())
  return app
}

/**
 * Call it once, where the module is loaded: all calls of one process then share the sessions in memory and the
 * connections to Okta. On AWS Lambda, with the package serverless-http:
 *
 *     export const handler = createHandler(oktaSession(), serverless)
 *
 * @template {unknown[]} Call
 * @template Answer
 * @param {import('express-okta-session').OktaSession} okta
 * @param {(app: import('express').Express) => (...call: Call) => Promise<Answer>} adapt Turns an app into a
 *   function of the platform.
 * @param {number} [maxSettleMs] While Okta is down a sign-out is retried for ten minutes, which is longer than a
 *   function should be paid to wait.
 */
export function createHandler(okta, adapt, maxSettleMs = 5_000) {
  const answer = adapt(createApp(okta))
  return async function handler(/** @type {Call} */ ...call) {
    const answered = await answer(...call)
    // What the answer did not wait for would be frozen halfway.
    await settleWithin(okta, maxSettleMs)
    return answered
  }
}

/**
 * @param {import('express-okta-session').OktaSession} okta
 * @param {number} ms
 */
async function settleWithin(okta, ms) {
  const settled = new AbortController()
  const timeout = pause(ms, undefined, { signal: settled.signal }).catch(() => {})
  await Promise.race([okta.settled(), timeout])
  settled.abort()
}
