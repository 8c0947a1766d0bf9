/** CSRF protection: the org's forms and its control endpoint accept posts from its own pages and from programs. */
import { type Answer, jsonAnswer } from '../http/answer.js'
import type { OrgRequest } from '../http/request.js'

/**
 * Whether a post has the org's own origin, or comes from a program: browsers send `Origin` or
 * `Sec-Fetch-Site`. The org's own origin is the one in the request's Host; over https, behind a proxy that ends
 * TLS, it must be a trusted origin.
 */
export function isSameOriginPost(
  request: OrgRequest,
  trustedOrigins: ReadonlySet<string>,
): boolean {
  const { host, origin } = request.headers
  const site = request.headers['sec-fetch-site']
  if (origin !== undefined && origin !== 'null') {
    if (origin === `https://${host}`) return trustedOrigins.has(origin)
    return origin === `http://${host}`
  }
  if (site !== undefined) return site === 'same-origin' || (site === 'none' && origin === undefined)
  return origin === undefined
}

export function rejectCrossOriginPost(): Answer {
  const error = 'Only pages of this org and programs may post here'
  return jsonAnswer(403, { error })
}
