/** What a session's own fields say about it. */
import type { IncompleteReason, Session } from '../public-types.js'

/** What an existing session still lacks; undefined when it is complete. */
export function incompleteReason({ status }: Session): IncompleteReason | undefined {
  switch (status) {
    case 'ACTIVE':
      return undefined
    case 'MFA_REQUIRED':
      return 'mfa_required'
    case 'MFA_ENROLL':
      return 'mfa_enroll'
    default:
      return 'unknown_status'
  }
}

/** Epoch milliseconds by Okta's clock. */
export function sessionEndsAt({ expiresAt }: Session): number {
  return Date.parse(expiresAt)
}
