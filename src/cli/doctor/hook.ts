/** The handshake of an event hook: one GET with a challenge, which the app answers as JSON. */
import { randomBytes } from 'node:crypto'
import { isObject, own } from '../../okta/http-answer.js'
import { isLoopback } from '../../options/urls.js'
import type { Finding } from '../../public-types.js'
import { jsonOf, type Probed, probe, redirectOf } from './probe.js'

/** Okta waits for no longer. */
const OKTA_WAITS_MS = 3_000

export async function checkHook(hook: URL, timeoutMs: number): Promise<readonly Finding[]> {
  const challenge = randomBytes(24).toString('base64url')
  const headers = { 'x-okta-verification-challenge': challenge }
  const probed = await probe(hook, { method: 'GET', headers }, timeoutMs)
  return [...schemeFindings(hook), handshakeFinding(hook, probed, challenge)]
}

function schemeFindings({ protocol, hostname }: URL): readonly Finding[] {
  if (protocol === 'https:' || isLoopback(hostname)) return []
  return [
    {
      check: 'hook',
      level: 'fault',
      message:
        'The event hook is on http: Okta calls https alone, and its secret would cross the network in clear',
      advice: 'Register its https URL',
    },
  ]
}

function handshakeFinding(hook: URL, probed: Probed, challenge: string): Finding {
  const { answer, durationMs, failure } = probed
  const fault = (message: string, advice: string): Finding => ({
    check: 'hook',
    level: 'fault',
    message,
    advice,
  })
  if (answer === undefined)
    return fault(
      `The event hook did not answer (${failure})`,
      'Check its URL, its certificate, and that Okta can reach it from outside your network',
    )
  const { status } = answer
  const redirected = redirectOf(answer, hook)
  if (redirected !== undefined || (status >= 300 && status <= 399))
    return fault(
      `The event hook answers with a redirect (${status}${redirected === undefined ? '' : `, to ${redirected.origin}`})`,
      'Okta needs the answer itself: register the URL it leads to, and mount eventHook() in front of guards',
    )
  if (status !== 200)
    return fault(`The event hook answers ${status} to the challenge`, adviceFor(status))
  const body = jsonOf(answer)
  if (!isObject(body) || own(body, 'verification') !== challenge)
    return fault(
      'The event hook answers 200 without { "verification": <the value of x-okta-verification-challenge> }',
      'Another route answers: mount eventHook() at this URL, in front of it',
    )
  if (durationMs > OKTA_WAITS_MS)
    return fault(
      `The event hook answers the challenge after ${durationMs} ms; Okta waits for 3,000`,
      'Look at what the request passes on its way: proxies, middleware, a process that is busy or asleep',
    )
  return {
    check: 'hook',
    level: 'ok',
    message: `The event hook answers the challenge in ${durationMs} ms`,
  }
}

function adviceFor(status: number): string {
  if (status === 401 || status === 403)
    return 'The handshake may come without the secret: mount eventHook() in front of guards and of other checks'
  if (status === 404) return 'Check the path, and that the proxy passes it to the app unchanged'
  if (status === 405)
    return 'Mount eventHook() with app.use(): Okta sends a GET first, and POSTs later'
  return 'Look at the log of the app'
}
