/** What happens to sessions and users of the org, announced to the part that tells apps of it. */
import type { LiveSession } from './sessions.js'
import type { LocalUser } from './users.js'

/** An expired session is no event: Okta sends none either. */
export type OrgEvent =
  /** A session began, was ended by its own user, or was ended by an administrator. */
  | { readonly kind: 'signed_in' | 'signed_out' | 'session_revoked'; readonly session: LiveSession }
  /** An administrator ended all sessions of a user, suspended the user, or activated them again. */
  | { readonly kind: 'sessions_cleared' | 'suspended' | 'unsuspended'; readonly user: LocalUser }

export class OrgEvents {
  readonly #listeners: ((event: OrgEvent) => void)[] = []

  listen(listener: (event: OrgEvent) => void): void {
    this.#listeners.push(listener)
  }

  announce(event: OrgEvent): void {
    for (const listener of this.#listeners) listener(event)
  }
}
