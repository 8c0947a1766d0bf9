/** What instances write into the stream: revocation records, and messages about themselves. Sealed as a whole. */
import type { SharedRecord } from '../session/shared-cache.js'
import type { Sealer } from './seal.js'

export type StreamMessage =
  | { readonly kind: 'record'; readonly record: SharedRecord }
  /** The instance lives: it began, it goes on, it ends. */
  | { readonly kind: 'hello' | 'heartbeat' | 'bye' }
  /**
   * Records were lost. Shared entries whose lookup began up to `voidUpTo`, epoch milliseconds, are void.
   * `forAll`: they reached no other instance; else the instance that wrote this noticed that the stream was cut,
   * because the entry with the id `lost` was missing.
   */
  | {
      readonly kind: 'gap'
      readonly voidUpTo: number
      readonly forAll: boolean
      readonly lost?: string | undefined
    }

/** An entry as Redis returns it. */
export interface RawEntry {
  readonly id: string
  readonly fields: ReadonlyMap<string, string>
}

/** An entry of the stream. */
export interface StreamEntry {
  readonly id: string
  readonly instance: string
  readonly message: StreamMessage
}

const PURPOSE = 'revocation record'
const INSTANCE = 'i'

/** The fields of an entry, names and values in turn: who wrote it, and the message for each key that may open it. */
export function fieldsOf(
  sealer: Sealer,
  streamKey: string,
  instance: string,
  message: StreamMessage,
): string[] {
  const sealed = sealer.sealForAll(PURPOSE, `${streamKey}\n${instance}`, JSON.stringify(message))
  return [INSTANCE, instance, ...[...sealed].flat()]
}

/** The message; undefined for one that is forged, damaged, or sealed with another secret. */
export function messageOf(
  sealer: Sealer,
  streamKey: string,
  fields: ReadonlyMap<string, string>,
): Omit<StreamEntry, 'id'> | undefined {
  const instance = fields.get(INSTANCE) ?? ''
  for (const keyId of sealer.keyIds) {
    const sealed = fields.get(keyId)
    if (sealed === undefined) continue
    const text = sealer.open(PURPOSE, `${streamKey}\n${instance}`, sealed)
    if (text === undefined) return undefined
    const message = parse(text)
    return message && { instance, message }
  }
  return undefined
}

/** Only an instance with the secret can have sealed it, but one of another version of this package may have. */
function parse(text: string): StreamMessage | undefined {
  try {
    const message: unknown = JSON.parse(text)
    return isMessage(message) ? message : undefined
  } catch {
    return undefined
  }
}

function isMessage(message: unknown): message is StreamMessage {
  if (!isObject(message)) return false
  const { kind, record, voidUpTo, forAll } = message
  if (kind === 'record') return isRecord(record)
  if (kind === 'gap') return Number.isFinite(voidUpTo) && typeof forAll === 'boolean'
  return kind === 'hello' || kind === 'heartbeat' || kind === 'bye'
}

function isRecord(record: unknown): record is SharedRecord {
  if (!isObject(record)) return false
  const { kind, id, subjects, forMs, provisional } = record
  if (!Array.isArray(subjects) || !subjects.every((name) => typeof name === 'string')) return false
  if (kind === 'forget') return true
  if (typeof id !== 'string') return false
  if (kind === 'withdraw') return true
  if (!Number.isFinite(forMs)) return false
  return kind === 'confirm' || (kind === 'refuse' && typeof provisional === 'boolean')
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

/** Whether they are one entry: after a flush within a millisecond another one may have the same id. */
export function isSameEntry(a: RawEntry, b: RawEntry): boolean {
  return a.id === b.id && JSON.stringify([...a.fields]) === JSON.stringify([...b.fields])
}

/** One entry of an XRANGE reply, whose fields are a flat list, or a map with RESP3. */
export function entryOf(reply: unknown): RawEntry | undefined {
  if (!Array.isArray(reply)) return undefined
  const [id, fields]: unknown[] = reply
  if (typeof id !== 'string' || !/^\d+-\d+$/.test(id)) return undefined
  return { id, fields: fieldMap(fields) }
}

function fieldMap(fields: unknown): Map<string, string> {
  const map = new Map<string, string>()
  if (Array.isArray(fields)) {
    for (let index = 0; index + 1 < fields.length; index += 2)
      map.set(String(fields[index]), String(fields[index + 1]))
  } else if (fields instanceof Map) {
    for (const [name, value] of fields) map.set(String(name), String(value))
  } else if (typeof fields === 'object' && fields !== null) {
    for (const [name, value] of Object.entries(fields)) map.set(name, String(value))
  }
  return map
}

/** The milliseconds of Redis's clock in a stream id. */
export function msOf(id: string): number {
  return Number(id.split('-', 1)[0])
}

/** Both numbers of an id have up to 64 bits: they are compared as text. */
export function isAfter(a: string, b: string): boolean {
  const [msOfA = '', sequenceOfA = ''] = a.split('-')
  const [msOfB = '', sequenceOfB = ''] = b.split('-')
  return (compare(msOfA, msOfB) || compare(sequenceOfA, sequenceOfB)) > 0
}

function compare(a: string, b: string): number {
  if (a === b) return 0
  return a.length - b.length || (a > b ? 1 : -1)
}
