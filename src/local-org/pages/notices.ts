/** What the console says of the last actions: kept here and named by number, so that no address can write a text on the page. */
import { PRESETS } from '../faults/presets.js'
import type { OrgParts } from '../org/org-parts.js'

export interface Notice {
  /** `failed`: nothing was changed. */
  readonly kind: 'done' | 'failed'
  readonly text: string
}

const KEPT = 20
const notices = new WeakMap<OrgParts, Map<number, Notice>>()

/** Keeps a notice, and returns its number. */
export function keepNotice(org: OrgParts, notice: Notice): number {
  const kept = notices.get(org) ?? new Map<number, Notice>()
  notices.set(org, kept)
  const number = Math.max(0, ...kept.keys()) + 1
  kept.set(number, notice)
  kept.delete(number - KEPT)
  return number
}

export function noticeOf(org: OrgParts, number: string | null): Notice | undefined {
  return number === null ? undefined : notices.get(org)?.get(Number(number))
}

type Fields = Readonly<Record<string, unknown>>

/** Whom or what an action is about; before it is carried out, since the session may be gone afterwards. */
export function subjectOf(org: OrgParts, { session, userId }: Fields): string {
  if (userId !== undefined) return org.users.byId(String(userId))?.login ?? 'that user'
  const found = [...org.sessions.live()].find(({ externalId }) => externalId === session)
  return found?.user.login ?? 'that session'
}

/** What an action has done, in a sentence. `outcome` is what a program gets. */
export function noticeFor(
  org: OrgParts,
  action: string,
  subject: string,
  fields: Fields,
  outcome: Fields,
): Notice {
  if (outcome.done === false)
    return { kind: 'failed', text: NOT_DONE[action] ?? 'Nothing was changed.' }
  const sentence = SENTENCES[action]
  const text = sentence === undefined ? 'Done.' : sentence({ org, subject, fields, outcome })
  return { kind: 'done', text }
}

interface Told {
  readonly org: OrgParts
  readonly subject: string
  readonly fields: Fields
  readonly outcome: Fields
}

const NOT_DONE: Readonly<Record<string, string>> = {
  revoke: 'That session had ended already.',
  stop: 'That fault was not on any more.',
}

const SENTENCES: Readonly<Record<string, (told: Told) => string>> = {
  revoke: ({ subject }) => `Revoked the session of ${subject}.`,
  'step-up': ({ subject }) => `Gave the session of ${subject} a second factor.`,
  suspend: ({ subject, outcome }) => `Suspended ${subject}: ${ended(outcome)}.`,
  unsuspend: ({ subject }) => `${subject} may sign in again.`,
  'end-everywhere': ({ subject, outcome }) =>
    `Signed ${subject} out everywhere: ${ended(outcome)}.`,
  fail: ({ fields: { fault, operation } }) =>
    `Switched on “${labelOf(fault)}” for ${operation ? String(operation) : 'every operation'}.`,
  stop: () => 'Switched the fault off.',
  advance: ({ org }) =>
    `Moved the clock: it is now ${new Date(org.clock.now()).toISOString().slice(11, 19)} UTC.`,
}

function ended({ ended: count }: Fields): string {
  return count === 1 ? 'one session has ended' : `${String(count)} sessions have ended`
}

function labelOf(fault: unknown): string {
  const json = typeof fault === 'string' ? fault : JSON.stringify(fault)
  return PRESETS.find((preset) => JSON.stringify(preset.fault) === json)?.label ?? String(json)
}
