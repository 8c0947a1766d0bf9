/** Sign-outs beside a credential's entry: sealed, several at once, each removed by its id alone. */
import type { Clock } from '../contracts.js'
import type { SharedRecord, SharedRefusal } from '../session/shared-cache.js'
import type { CredentialScripts } from './credential-keys.js'
import type { Sealer } from './seal.js'
import { isText, isTime, parseObject } from './sealed-entry.js'

const PURPOSE = 'refusal'
const MAX_REFUSAL_MS = 24 * 60 * 60_000

/** A sign-out that Okta has confirmed says most. */
const STATES = ['confirmed', 'unconfirmed', 'provisional'] as const

/** A refusal that a record of the log causes; undefined for a record that causes none. */
export function refusalOf(record: SharedRecord): SharedRefusal | undefined {
  switch (record.kind) {
    case 'refuse': {
      const state = record.provisional ? 'provisional' : 'unconfirmed'
      return { id: record.id, forMs: record.forMs, state }
    }
    case 'confirm':
      return { id: record.id, forMs: record.forMs, state: 'confirmed' }
    default:
      return undefined
  }
}

/** How long a refusal lasts, at most a day. */
export function durationOf({ forMs }: SharedRefusal): number {
  return Math.ceil(Math.min(Math.max(forMs, 0), MAX_REFUSAL_MS))
}

/** No clock of an instance is further from that of another. */
const MAX_SKEW_MS = 2 * 60 * 60_000

export class Refusals {
  readonly #sealer: Sealer
  readonly #clock: Clock
  readonly #scripts: CredentialScripts

  constructor(sealer: Sealer, clock: Clock, scripts: CredentialScripts) {
    this.#sealer = sealer
    this.#clock = clock
    this.#scripts = scripts
  }

  /**
   * The stored value: its end is a time of this instance's wall clock. Sealed under each secret, since the
   * instances that read this name have one secret or the other.
   */
  seal(key: string, refusal: SharedRefusal): string {
    const { id, state } = refusal
    const text = JSON.stringify({ id, until: this.#clock.now() + durationOf(refusal), state })
    return [...this.#sealer.sealForAll(PURPOSE, bound(key, id), text).values()].join(' ')
  }

  /**
   * The refusal in force that says most, of the ids and values in pairs. Unusable ones are deleted and counted.
   * One that has ended by this instance's clock may be in force by those of the others: it is deleted later.
   */
  async open(key: string, pairs: readonly string[]): Promise<SharedRefusal | undefined> {
    const found: SharedRefusal[] = []
    const unusable: string[] = []
    const ended: string[] = []
    for (let at = 0; at + 1 < pairs.length; at += 2) {
      const [id = '', value = ''] = pairs.slice(at, at + 2)
      const refusal = this.#openOne(key, id, value)
      if (refusal === undefined) unusable.push(id, value)
      else if (refusal.forMs > 0) found.push(refusal)
      else if (refusal.forMs < -MAX_SKEW_MS) ended.push(id, value)
    }
    if (ended.length > 0) await this.#scripts.removeRefusals(key, ended)
    if (unusable.length > 0) await this.#scripts.rejectRefusals(key, unusable)
    const rank = ({ state }: SharedRefusal) => STATES.indexOf(state)
    return found.sort((a, b) => rank(a) - rank(b) || b.forMs - a.forMs)[0]
  }

  #openOne(key: string, id: string, value: string): SharedRefusal | undefined {
    for (const sealed of value.split(' ')) {
      const text = this.#sealer.open(PURPOSE, bound(key, id), sealed)
      const fields = text === undefined ? undefined : parseObject(text)
      const state = STATES.find((each) => each === fields?.state)
      if (fields === undefined || state === undefined) continue
      if (fields.id !== id || !isText(id) || !isTime(fields.until)) continue
      return { id, forMs: Math.min(fields.until - this.#clock.now(), MAX_REFUSAL_MS), state }
    }
    return undefined
  }
}

function bound(key: string, id: string): string {
  return `${key} ${id}`
}
