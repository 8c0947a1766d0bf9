/** The events of the System Log that an org sends to event hooks. */
import { randomUUID } from 'node:crypto'
import { sessionNamed } from '../org/direct-control.js'
import { stableId } from '../org/okta-ids.js'
import type { OrgEvent } from '../org/org-events.js'
import type { OrgParts } from '../org/org-parts.js'
import type { LocalUser } from '../org/users.js'

/** The actor or a target of an event. */
export interface HookEventParty {
  /** `00u...` for a user. */
  readonly id: string
  /** `User` for a user. */
  readonly type: string
  /** The login. */
  readonly alternateId: string
  /** The login again: the users of a local org have no other name. */
  readonly displayName: string
}

/**
 * One event of an event hook, in the format of Okta's System Log.
 *
 * @example
 * const event: HookEvent = org.hookEvent('user.session.end', { user: 'alice@example.com' })
 */
export interface HookEvent {
  /** Unique: duplicates of an event have the same one. */
  readonly uuid: string
  /** ISO 8601 with milliseconds, by the org's clock. */
  readonly published: string
  /** `user.session.end`, for example. */
  readonly eventType: string
  /** The version of the format. */
  readonly version: string
  /** `INFO`. */
  readonly severity: string
  /** A description of the event type. */
  readonly displayMessage: string
  /** The user themselves, or the administrator who acts on a user. */
  readonly actor: HookEventParty
  /** The user acted on; null where users act on their own session. */
  readonly target: readonly HookEventParty[] | null
  /** `SUCCESS` unless the event says otherwise. */
  readonly outcome: { readonly result: string; readonly reason: string | null }
  /** The session of the actor, by its external id: the administrator's own where one acts. */
  readonly authenticationContext: { readonly externalSessionId: string }
  /** Details, such as `EndedSessionId`. */
  readonly debugContext: { readonly debugData: Readonly<Record<string, string>> }
  /** The request that caused the event. */
  readonly transaction: { readonly id: string; readonly type: string }
}

/** The parts of `org.hookEvent()`. */
export interface HookEventParts {
  /** The user concerned: a login, or a user id, also an unknown one. Default: the user of `session`. */
  readonly user?: string
  /** The session concerned: the external id, or a live session's internal id or Cookie header. */
  readonly session?: string
  /** Whether an administrator acts. Default: as usual for the event type. */
  readonly admin?: boolean
  /** The `result` of the outcome. Default `SUCCESS`. */
  readonly outcome?: string
  /** Merged into `debugContext.debugData`. */
  readonly debugData?: Readonly<Record<string, string>>
  /** Replaces whole fields of the event; a field that is undefined here is left out. */
  readonly fields?: Readonly<Record<string, unknown>>
}

export function buildHookEvent(org: OrgParts, type: string, parts: HookEventParts): HookEvent {
  const { admin = !SELF_SERVICE.has(type), outcome = 'SUCCESS' } = parts
  const { user, session } = concerned(org, parts)
  const administrator = party(stableId('00u', 'administrator'), 'administrator@local-org.example')
  const endedByAdmin = admin && type === 'user.session.end' && session !== undefined
  return {
    uuid: randomUUID(),
    published: new Date(org.clock.now()).toISOString(),
    eventType: type,
    version: '0',
    severity: 'INFO',
    displayMessage: MESSAGES.get(type) ?? type,
    actor: admin ? administrator : (user ?? administrator),
    target: user === undefined || (!admin && type.startsWith('user.session.')) ? null : [user],
    outcome: { result: outcome, reason: null },
    authenticationContext: {
      externalSessionId: admin ? administratorSession(org) : (session ?? 'unknown'),
    },
    debugContext: {
      debugData: { ...(endedByAdmin && { EndedSessionId: session }), ...parts.debugData },
    },
    transaction: { id: randomUUID(), type: 'WEB' },
    ...parts.fields,
  }
}

/** The event that Okta sends for what happened at the org. */
export function toHookEvent(org: OrgParts, event: OrgEvent): HookEvent {
  const type = TYPES[event.kind]
  if ('user' in event) return buildHookEvent(org, type, { user: event.user.userId })
  const { user, externalId } = event.session
  const admin = event.kind === 'session_revoked'
  return buildHookEvent(org, type, { user: user.userId, session: externalId, admin })
}

/** The event type of each change of the org. */
const TYPES: Readonly<Record<OrgEvent['kind'], string>> = {
  signed_in: 'user.session.start',
  signed_out: 'user.session.end',
  session_revoked: 'user.session.end',
  sessions_cleared: 'user.session.clear',
  suspended: 'user.lifecycle.suspend',
  unsuspended: 'user.lifecycle.unsuspend',
}

/** Okta's descriptions of the event types above. */
const MESSAGES: ReadonlyMap<string, string> = new Map([
  ['user.session.start', 'User login to Okta'],
  ['user.session.end', 'User logout from Okta'],
  ['user.session.clear', 'Clear user session'],
  ['user.lifecycle.suspend', 'Suspend Okta user'],
  ['user.lifecycle.unsuspend', 'Unsuspend Okta user'],
])

/** The event types whose actor is usually the user concerned. */
const SELF_SERVICE: ReadonlySet<string> = new Set([
  'user.session.start',
  'user.session.end',
  'user.session.context.change',
  'user.account.lock',
  'user.account.update_password',
  'user.risk.change',
])

function concerned(org: OrgParts, { user, session }: HookEventParts) {
  const live = session === undefined ? undefined : sessionNamed(org, session)
  if (live === undefined && session?.includes('=')) {
    throw new TypeError('hookEvent(): the Cookie header in session has no live session')
  }
  const id = live?.externalId ?? session
  const named = user === undefined ? live?.user : userNamed(org, user)
  return {
    ...(named !== undefined && { user: party(named.userId, named.login) }),
    ...(id !== undefined && { session: id }),
  }
}

/** An unknown user id stands for a user that the app knows and the org no longer does. */
export function userNamed(org: OrgParts, loginOrId: string): Pick<LocalUser, 'userId' | 'login'> {
  const user = org.users.find(loginOrId) ?? org.users.byId(loginOrId)
  if (user !== undefined) return user
  if (loginOrId.includes('@')) throw new TypeError(`The local org has no user ${loginOrId}`)
  return { userId: loginOrId, login: 'unknown' }
}

function party(id: string, login: string): HookEventParty {
  return { id, type: 'User', alternateId: login, displayName: login }
}

/** The external id of a session that is not on the org's list: events of an administrator carry it. */
function administratorSession(org: OrgParts): string {
  return stableId(org.engine === 'identity' ? 'idx' : '102', 'session of the administrator')
}
