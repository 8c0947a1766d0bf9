/** Detects requests that a page of another site makes for a subresource: a GET that changes state must refuse them. */
import type { OrgRequest } from '../http/request.js'

/**
 * Whether a page of another site requests this as an image, a frame or a script. Following a link is not
 * such a request: apps of other sites sign out with links, as at Okta.
 */
export function isCrossSiteSubresource({ headers }: OrgRequest): boolean {
  return headers['sec-fetch-site'] === 'cross-site' && headers['sec-fetch-dest'] !== 'document'
}
