/** The part of LocalOrg that concerns pushes: registers receivers, and makes deliveries for tests. */

import { userById } from '../org/direct-control.js'
import { endUserSessions } from '../org/org-actions.js'
import type { Delivery } from './courier.js'
import type { EventDelivery } from './event-hooks.js'
import { buildHookEvent, type HookEvent, type HookEventParts } from './hook-event.js'
import type { PushingOrg } from './pushes.js'
import type { EventHook, LogoutReceiver, SignalsReceiver } from './receivers.js'
import type { LogoutDelivery, SecurityEvent, SignedDelivery } from './signed-pushes.js'

/**
 * What a local org pushes to apps, as Okta does: event hooks, Security Event Tokens, Universal Logout.
 *
 * @example
 * await org.addEventHook({ url: 'http://localhost:3000/okta/events', authorization: 'hook-secret' })
 * org.endSession(org.signIn('alice@example.com'))
 * await org.pushesSettled()
 */
export interface LocalOrgPushes {
  /** The last 200 deliveries, oldest first. */
  readonly pushes: readonly Delivery[]

  /**
   * Registers an event hook. First sends Okta's handshake, a GET with `x-okta-verification-challenge`; rejects
   * when the answer is not 200 with `{ "verification": <the challenge> }`. From then on the hook receives the
   * events of the org. Replaces a hook with the same URL.
   *
   * @throws TypeError for an invalid hook, Error for a failed handshake.
   * @example
   * await org.addEventHook({ url: 'http://localhost:3000/okta/events', authorization: 'hook-secret' })
   */
  addEventHook(hook: EventHook): Promise<void>
  /**
   * Registers a receiver of Security Event Tokens: it gets a CAEP session-revoked event when all sessions of a
   * user are ended, and when a user is suspended.
   *
   * @throws TypeError for an invalid receiver.
   * @example
   * org.addSignals({ url: 'http://localhost:3000/okta/signals', audience: 'https://app.example.com' })
   */
  addSignals(receiver: SignalsReceiver): void
  /**
   * Registers a receiver of Universal Logout: it is called when all sessions of a user are ended.
   *
   * @throws TypeError for an invalid receiver.
   * @example
   * org.addUniversalLogout({ url: 'http://localhost:3000/okta/logout', clientId: '0oa1example' })
   */
  addUniversalLogout(receiver: LogoutReceiver): void
  /**
   * Removes every receiver with this URL, of each kind. Returns false when there was none.
   *
   * @example
   * org.removePushes('http://localhost:3000/okta/events')
   */
  removePushes(url: string): boolean
  /**
   * Ends all sessions of a user as an administrator does, and sends the event user.session.clear, Security
   * Event Tokens and Universal Logouts. Returns how many sessions ended.
   *
   * @example
   * for (const { userId } of org.users) org.endUserSessions(userId)
   */
  endUserSessions(userId: string): number

  /**
   * Delivers events to the verified event hooks that subscribe to them, in batches, as duplicates, in reverse
   * order or late. Resolves to one record for each delivery.
   *
   * @throws TypeError when no verified hook has the URL `to`.
   * @example
   * const events = [org.hookEvent('user.account.lock', { user: 'alice@example.com' })]
   * const [delivery] = await org.deliverEvents(events, { copies: 2 })
   */
  deliverEvents(events: readonly unknown[], how?: EventDelivery): Promise<readonly Delivery[]>
  /**
   * Builds a well-formed event of any type, as the org itself would send it.
   *
   * @throws TypeError for an unknown login.
   * @example
   * const [session] = org.sessions
   * const event = org.hookEvent('user.session.end', { session: session?.id ?? '', admin: true })
   */
  hookEvent(type: string, parts?: HookEventParts): HookEvent
  /**
   * Delivers one Security Event Token to the receivers that addSignals() registered.
   *
   * @throws TypeError when no receiver has the URL `to`, or the event has neither a user nor a subject.
   * @example
   * await org.deliverSecurityEvent({ type: 'credential-change', user: 'alice@example.com' })
   */
  deliverSecurityEvent(event: SecurityEvent, how?: SignedDelivery): Promise<readonly Delivery[]>
  /**
   * Delivers a Universal Logout of a user, named by login or user id, to the receivers that
   * addUniversalLogout() registered. Ends no session at the org.
   *
   * @throws TypeError when no receiver has the URL `to`.
   * @example
   * await org.deliverUniversalLogout('alice@example.com', { format: 'email' })
   */
  deliverUniversalLogout(user: string, how?: LogoutDelivery): Promise<readonly Delivery[]>
  /**
   * The signed Security Event Token alone.
   *
   * @example
   * const event = { type: 'session-revoked', user: 'alice@example.com' }
   * const token = await org.securityEventToken(event, 'https://app.example.com')
   */
  securityEventToken(event: SecurityEvent, audience: string): Promise<string>
  /**
   * The signed token of a Universal Logout alone. `claims` are merged into its payload.
   *
   * @example
   * const token = await org.universalLogoutToken('0oa1example', 'http://localhost:3000/okta/logout')
   */
  universalLogoutToken(
    clientId: string,
    audience: string,
    claims?: Readonly<Record<string, unknown>>,
  ): Promise<string>
  /**
   * Replaces the key that signs pushes. `/oauth2/v1/keys` keeps publishing the old one unless `keepOld` is
   * false.
   *
   * @example
   * await org.rotateSigningKey({ keepOld: false })
   */
  rotateSigningKey(options?: { readonly keepOld?: boolean }): Promise<void>
  /**
   * Resolves when no delivery is under way.
   *
   * @example
   * org.endSession(org.signIn('alice@example.com'))
   * await org.pushesSettled()
   */
  pushesSettled(): Promise<void>
}

/** Without `pushes`, which is read anew each time. */
export function pushControls(org: PushingOrg): Omit<LocalOrgPushes, 'pushes'> {
  const { pushes } = org
  const { hooks, signed } = pushes
  return {
    addEventHook: (hook) => pushes.addEventHook(hook),
    addSignals: (receiver) => pushes.addSignals(receiver),
    addUniversalLogout: (receiver) => pushes.addUniversalLogout(receiver),
    removePushes: (url) => pushes.remove(url),
    endUserSessions: (userId) => endUserSessions(org, userById(org, userId)),
    deliverEvents: (events, how = {}) => pushes.track(hooks.deliver(events, how)),
    hookEvent: (type, parts = {}) => buildHookEvent(org, type, parts),
    deliverSecurityEvent: (event, how = {}) =>
      pushes.track(signed.deliverSecurityEvent(event, how)),
    deliverUniversalLogout: (user, how = {}) =>
      pushes.track(signed.deliverUniversalLogout(user, how)),
    securityEventToken: (event, audience) => signed.securityEventToken(event, audience),
    universalLogoutToken: (clientId, audience, claims) =>
      signed.universalLogoutToken(clientId, audience, claims),
    rotateSigningKey: ({ keepOld = true } = {}) => org.signingKey.rotate(keepOld),
    pushesSettled: () => pushes.settled(),
  }
}
