/** Collects the faults of the options, so that one run shows all of them. */

import { type FaultCode, linkTo } from '../codes.js'

/** The faults found. Each names the option, what was given (never a secret), what to write instead, and its code. */
export interface Faults {
  add(code: FaultCode, option: string, given: string, allowed: string): undefined
  /** Throws one TypeError that lists every fault on a line of its own; returns when there is none. */
  throwIfAny(subject: string): void
}

export function createFaults(): Faults {
  const lines: string[] = []
  const codes = new Set<FaultCode>()
  return {
    add(code, option, given, allowed) {
      codes.add(code)
      lines.push(`  ${option}: ${given}; ${allowed} (${code})`)
      return undefined
    },
    throwIfAny(subject) {
      if (lines.length === 0) return
      const count = lines.length === 1 ? 'an option is' : `${lines.length} options are`
      const [code] = codes
      const link = linkTo(codes.size === 1 ? code?.toLowerCase() : undefined)
      throw new TypeError(`${subject}: ${count} wrong\n${lines.join('\n')}\nSee ${link}`)
    },
  }
}

/** A fault shows a text up to this length. A longer text in the place of a word may be a token. */
export const LONGEST_WORD = 24

/** Describes a value that should be no secret: a word as it is, a longer text by its length, an object by its type. */
export function given(value: unknown): string {
  if (typeof value === 'string' && value.length <= LONGEST_WORD) return `got ${quote(value)}`
  if (typeof value === 'bigint') return `got ${value}n`
  if (typeof value === 'number' || typeof value === 'boolean') return `got ${value}`
  return givenSecret(value)
}

/** Describes a value that may be a secret, by its type and length alone. */
export function givenSecret(value: unknown): string {
  if (typeof value === 'string') return `got a string of ${value.length} characters`
  if (value === undefined || value === null) return `got ${value}`
  if (Array.isArray(value)) return `got an array of ${value.length}`
  return `got ${typeof value === 'object' ? 'an' : 'a'} ${typeof value}`
}

/** Quotes at most 80 characters, with control characters escaped. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
}
