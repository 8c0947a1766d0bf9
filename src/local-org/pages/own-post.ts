/** Which posts the org's forms and its control endpoint take: those of its own pages, and of programs. */
import { type Answer, jsonAnswer } from '../http/answer.js'
import type { Ask } from '../http/ask.js'

/**
 * Whether a request comes from a page of the org's own, or from no browser: browsers say where a post
 * comes from. The org's origin is the one it was reached by.
 */
export function isOwnPost(ask: Ask): boolean {
  const { host, origin } = ask.headers
  const site = ask.headers['sec-fetch-site']
  if (origin !== undefined && origin !== 'null') return origin === `http://${host}`
  if (site !== undefined) return site === 'same-origin' || (site === 'none' && origin === undefined)
  return origin === undefined
}

export function refuseForeignPost(): Answer {
  const error = 'This takes posts only from pages of the org itself and from programs'
  return jsonAnswer(403, { error })
}
