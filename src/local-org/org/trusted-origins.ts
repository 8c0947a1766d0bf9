/** The origins that the org trusts: this machine's, and those of its `trustedOrigins` option. */
import { isLoopback } from '../http/loopback.js'
import type { OrgParts } from './org-parts.js'

export function isTrusted(org: Pick<OrgParts, 'trustedOrigins'>, url: URL): boolean {
  return isLoopback(url.hostname) || org.trustedOrigins.has(url.origin)
}
