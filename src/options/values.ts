/** Reads single options of the plain kinds (groups, numbers, switches) and reports what does not fit. */
import { type Faults, given, givenSecret } from './faults.js'
import { dotted, refuseUnknownKeys } from './names.js'

export type Group = Readonly<Record<string, unknown>>

const NOTHING: Group = Object.freeze({})

/** A nested group of options; an absent or wrong one reads as empty. */
export function readGroup(
  faults: Faults,
  path: string,
  value: unknown,
  known: readonly string[],
): Group {
  if (value === undefined) return NOTHING
  if (!isRecord(value)) {
    faults.add(path, givenSecret(value), `must be an object with any of ${known.join(', ')}`)
    return NOTHING
  }
  refuseUnknownKeys(faults, path, value, known)
  return value
}

export function isRecord(value: unknown): value is Group {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What a number may be. */
export interface NumberRule {
  readonly fallback: number
  readonly min: number
  readonly max: number
  readonly integer?: true
  readonly unit?: 'milliseconds'
  /** What to write instead, where a bare range does not say it. */
  readonly hint?: string
}

/** A number within its bounds, or its default. */
export function readNumber(
  faults: Faults,
  group: Group,
  path: string,
  name: string,
  rule: NumberRule,
): number {
  const value = group[name]
  if (value === undefined) return rule.fallback
  const fits =
    typeof value === 'number' &&
    value >= rule.min &&
    value <= rule.max &&
    (rule.integer !== true || Number.isInteger(value))
  if (fits) return value
  const what = rule.integer === true ? 'a whole number' : 'a number'
  const unit = rule.unit === undefined ? '' : ` of ${rule.unit}`
  const hint = rule.hint === undefined ? '' : ` (${rule.hint})`
  const range = `from ${plain(rule.min)} to ${plain(rule.max)}`
  const advice = `must be ${what}${unit} ${range}, for example ${plain(rule.fallback)}${hint}`
  faults.add(dotted(path, name), given(value), advice)
  return rule.fallback
}

/** Grouped by thousands: 60000 and 600000 look alike. */
function plain(value: number): string {
  return value.toLocaleString('en-US').replaceAll(',', '_')
}

/** true or false; anything else, 'false' among it, is a fault. */
export function readSwitch(faults: Faults, group: Group, path: string, name: string): boolean {
  const value = group[name]
  if (value === undefined || typeof value === 'boolean') return value === true
  faults.add(dotted(path, name), given(value), 'must be true or false')
  return false
}
