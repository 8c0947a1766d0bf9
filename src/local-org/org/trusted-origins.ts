/** Whom the org trusts: this machine, and the origins it was given, as Okta's Trusted Origins. */
import { isLoopback } from '../http/loopback.js'
import type { OrgParts } from './org-parts.js'

export function isTrusted(org: Pick<OrgParts, 'trustedOrigins'>, url: URL): boolean {
  return isLoopback(url.hostname) || org.trustedOrigins.has(url.origin)
}
