/** The control endpoint: changes the org over HTTP, with the console's forms or with JSON from programs. */
import { checkFault } from '../faults/check-fault.js'
import { type Answer, type Header, jsonAnswer, redirectAnswer } from '../http/answer.js'
import { isContentType, type OrgRequest, readForm, readJsonObject } from '../http/request.js'
import { isCountedCall } from '../org/calls.js'
import { withSession } from '../org/direct-control.js'
import { endUserSessions, revokeSession, suspendUser, unsuspendUser } from '../org/org-actions.js'
import type { OrgParts } from '../org/org-parts.js'
import { addSecondFactor } from '../org/second-factor.js'
import type { LocalUser } from '../org/users.js'
import type { PushingOrg } from '../pushes/pushes.js'
import { CONSOLE_PATH, consolePage } from './console-page.js'
import { consoleState } from './console-state.js'
import { keepNotice, noticeFor, noticeOf, subjectOf } from './notices.js'

/** GET /console; with `?live` the page updates itself. */
export function showConsole(org: PushingOrg, request: OrgRequest): Answer {
  const notice = noticeOf(org, request.query.get('notice'))
  return consolePage(consoleState(org), request.query.has('live') ? 'live' : 'still', { notice })
}

/** GET /console/state: the data of the page, as JSON. */
export function showState(org: PushingOrg): Answer {
  return jsonAnswer(200, consoleState(org), SAME_ORIGIN_ONLY)
}

/** Without CORS a page of another origin cannot read the JSON; these headers keep it from loading it as a script. */
const SAME_ORIGIN_ONLY: readonly Header[] = [
  ['cross-origin-resource-policy', 'same-origin'],
  ['x-content-type-options', 'nosniff'],
]

type Fields = Readonly<Record<string, unknown>>

/** The result of an action; a string says what is wrong with its fields. */
type Outcome = object | string

type Action = (org: PushingOrg, fields: Fields) => Outcome | Promise<Outcome>

/** The actions by name, with the fields they read: POST /console/<name>. */
export const ACTIONS: Readonly<Record<string, Action>> = {
  revoke: (org, { session }) => ({
    done: withSession(org, String(session), (live) => revokeSession(org, live)),
  }),
  'step-up': (org, { session }) => ({
    done: withSession(org, String(session), (live) => addSecondFactor(org, live)),
  }),
  suspend: (org, { userId }) => withUser(org, userId, (user) => suspendUser(org, user)),
  unsuspend: (org, { userId }) =>
    withUser(org, userId, (user) => {
      unsuspendUser(org, user)
      return 0
    }),
  'end-everywhere': (org, { userId }) =>
    withUser(org, userId, (user) => endUserSessions(org, user)),
  fail: switchOn,
  stop: switchOff,
  advance: advanceClock,
  'add-hook': ({ pushes }, fields) => register(() => pushes.addEventHook(fields)),
  'add-signals': ({ pushes }, fields) => register(() => pushes.addSignals(fields)),
  'add-universal-logout': ({ pushes }, fields) => register(() => pushes.addUniversalLogout(fields)),
  'remove-pushes': ({ pushes }, { url }) => ({ done: pushes.remove(String(url)) }),
}

export async function control(
  name: string,
  act: Action,
  org: PushingOrg,
  request: OrgRequest,
): Promise<Answer> {
  const form = await readForm(request)
  const isJson = isContentType(request, 'application/json')
  const fields = form
    ? Object.fromEntries(form)
    : isJson
      ? await readJsonObject(request)
      : undefined
  if (fields === undefined) return jsonAnswer(400, { error: 'Send a form or a JSON object' })
  const subject = subjectOf(org, fields)
  const outcome = await act(org, fields)
  if (form === undefined)
    return typeof outcome === 'string'
      ? jsonAnswer(400, { error: outcome })
      : jsonAnswer(200, outcome)
  const mode = form.has('live') ? 'live' : 'still'
  if (typeof outcome === 'string') {
    const notice = { kind: 'failed', text: `Nothing was changed: ${outcome}.` } as const
    return consolePage(consoleState(org), mode, { notice, status: 400 })
  }
  const notice = keepNotice(org, noticeFor(org, name, subject, fields, { ...outcome }))
  return redirectAnswer(303, `${CONSOLE_PATH}?${mode === 'live' ? 'live&' : ''}notice=${notice}`)
}

/** `act` returns how many sessions it ended. */
function withUser(org: OrgParts, userId: unknown, act: (user: LocalUser) => number): Outcome {
  const user = org.users.byId(String(userId))
  return user === undefined ? 'There is no user with that userId' : { ended: act(user) }
}

async function register(add: () => void | Promise<void>): Promise<Outcome> {
  try {
    await add()
    return { done: true }
  } catch (error) {
    return messageOf(error)
  }
}

/** `fault` is an object, or JSON in a form. Without `times`, or with an empty one, the fault lasts until stopped. */
function switchOn(org: OrgParts, { fault, times, operation }: Fields): Outcome {
  const given = typeof fault === 'string' ? parseJson(fault) : fault
  try {
    checkFault(given)
  } catch (error) {
    return messageOf(error)
  }
  const count = isBlank(times) ? undefined : Number(times)
  if (count !== undefined && !(Number.isInteger(count) && count > 0)) {
    return 'times must be a whole number above 0, or be left out'
  }
  if (isBlank(operation)) return { id: org.faults.add(given, count, {}) }
  if (!isCountedCall(operation)) return 'operation must be the name of an operation'
  return { id: org.faults.add(given, count, { operation }) }
}

/** Switches off one fault, or all without an `id`. */
function switchOff(org: OrgParts, { id }: Fields): Outcome {
  if (!isBlank(id)) return { done: org.faults.stop(Number(id)) }
  org.faults.clear()
  return { done: true }
}

/** Dates end in the year 275760. */
const MAX_ADVANCE_MS = 100 * 365 * 24 * 60 * 60_000

function advanceClock(org: OrgParts, { ms, minutes }: Fields): Outcome {
  const by = isBlank(minutes) ? Number(ms) : Number(minutes) * 60_000
  if (!(by >= 0 && by <= MAX_ADVANCE_MS))
    return 'ms, or minutes, must be a number from 0 up, at most a hundred years at once'
  org.clock.advance(by)
  return { now: new Date(org.clock.now()).toISOString() }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function isBlank(value: unknown): boolean {
  return value === undefined || value === null || value === ''
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Not JSON: checkFault() reports undefined as an invalid fault.
    return undefined
  }
}
