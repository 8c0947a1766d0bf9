/** Okta's events, as event hooks deliver them: which of them revoke sessions, and whose. A pure function. */
import type { HookEvents, Push, PushedSubject } from '../contracts.js'
import { isObject, type JsonObject, own } from './http-answer.js'

/**
 * `session`: the session that the event names. `target`: all sessions of the users it is about; the session
 * it names is the administrator's. `target_or_actor`: the same, and of its actor where it is about no user.
 */
type Whose = 'session' | 'target' | 'target_or_actor'

/**
 * The events that revoke. For all of them Okta is called at the next request, so that an event that arrives
 * late or twice signs out no user whose session lives. Others, `user.session.start` for example, revoke nothing.
 */
const WHOSE: ReadonlyMap<string, Whose> = new Map<string, Whose>([
  ['user.session.end', 'session'],
  ['user.session.clear', 'target'],
  ['user.lifecycle.suspend', 'target'],
  ['user.lifecycle.deactivate', 'target'],
  ['user.lifecycle.delete.initiated', 'target'],
  ['user.authentication.universal_logout', 'target'],
  ['user.account.lock', 'target_or_actor'],
  ['user.account.update_password', 'target_or_actor'],
  ['user.account.reset_password', 'target_or_actor'],
  ['user.mfa.factor.reset_all', 'target_or_actor'],
  ['user.mfa.factor.deactivate', 'target_or_actor'],
  ['user.mfa.factor.suspend', 'target_or_actor'],
  ['user.session.context.change', 'target_or_actor'],
  ['user.risk.change', 'target_or_actor'],
])

/** The events of a delivery; undefined for a body that is none. Malformed events are left out and counted. */
export function readHookEvents(body: unknown): HookEvents | undefined {
  const data = isObject(body) ? own(body, 'data') : undefined
  const events = isObject(data) ? own(data, 'events') : undefined
  if (!Array.isArray(events)) return undefined
  const pushes = events.map(readEvent)
  const read = pushes.filter((push) => push !== undefined)
  return { pushes: read, malformed: pushes.length - read.length }
}

function readEvent(event: unknown): Push | undefined {
  if (!isObject(event)) return undefined
  const type = own(event, 'eventType')
  if (typeof type !== 'string') return undefined
  const id = idIn(event, 'uuid')
  const whose = WHOSE.get(type)
  if (whose === undefined || !succeeded(event)) return { id, subjects: [] }
  const subjects = whose === 'session' ? endedSession(event) : usersOf(event, whose)
  return subjects.length === 0 ? undefined : { id, subjects }
}

/** An event without an outcome tells of something done. */
function succeeded(event: JsonObject): boolean {
  const outcome = own(event, 'outcome')
  const result = isObject(outcome) ? own(outcome, 'result') : undefined
  return result === undefined || result === null || result === 'SUCCESS'
}

/**
 * A user's own sign-out names the session in the authentication context, and no target. That of an
 * administrator names the user as the target and the ended session in the debug data: its authentication
 * context is the administrator's.
 */
function endedSession(event: JsonObject): readonly PushedSubject[] {
  const [target] = targetsOf(event)
  const userId = target ?? actorOf(event)
  const id = endedIdOf(event) ?? (target === undefined ? contextIdOf(event) : undefined)
  if (id !== undefined) return [{ kind: 'session', id, userId }]
  return userId === undefined ? [] : [{ kind: 'user', id: userId }]
}

function usersOf(event: JsonObject, whose: Whose): readonly PushedSubject[] {
  const targets = targetsOf(event)
  const actor = whose === 'target_or_actor' && targets.length === 0 ? actorOf(event) : undefined
  const users = actor === undefined ? targets : [actor]
  return users.map((id) => ({ kind: 'user', id }))
}

/** The ids of the users among the targets, each once. */
function targetsOf(event: JsonObject): readonly string[] {
  const targets = own(event, 'target')
  if (!Array.isArray(targets)) return []
  return [...new Set(targets.map(userIdOf).filter((id) => id !== undefined))]
}

function actorOf(event: JsonObject): string | undefined {
  return userIdOf(own(event, 'actor'))
}

function userIdOf(party: unknown): string | undefined {
  if (!isObject(party) || own(party, 'type') !== 'User') return undefined
  return idIn(party, 'id')
}

/** Okta's spelling of the name has varied. */
function endedIdOf(event: JsonObject): string | undefined {
  const context = own(event, 'debugContext')
  const data = isObject(context) ? own(context, 'debugData') : undefined
  if (!isObject(data)) return undefined
  const name = Object.keys(data).find((key) => key.toLowerCase() === 'endedsessionid')
  return name === undefined ? undefined : idIn(data, name)
}

function contextIdOf(event: JsonObject): string | undefined {
  const context = own(event, 'authenticationContext')
  return isObject(context) ? idIn(context, 'externalSessionId') : undefined
}

const MAX_ID_LENGTH = 512

/** An id. Okta writes `unknown` where it has none. */
export function idIn(object: JsonObject, key: string): string | undefined {
  const id = own(object, key)
  if (typeof id !== 'string' || id === '' || id === 'unknown') return undefined
  return id.length <= MAX_ID_LENGTH ? id : undefined
}
