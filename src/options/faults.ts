/** Collects everything that is wrong with the options, so that one run shows every fault. */

/** One fault: which option, what was given (never a secret), what is allowed or to write instead. */
export interface Faults {
  add(option: string, given: string, allowed: string): undefined
  /** Throws one TypeError that lists every fault on a line of its own; returns when there is none. */
  throwIfAny(subject: string): void
}

export function createFaults(): Faults {
  const lines: string[] = []
  return {
    add(option, given, allowed) {
      lines.push(`  ${option}: ${given}; ${allowed}`)
      return undefined
    },
    throwIfAny(subject) {
      if (lines.length === 0) return
      const count = lines.length === 1 ? 'an option is' : `${lines.length} options are`
      throw new TypeError(`${subject}: ${count} wrong\n${lines.join('\n')}`)
    },
  }
}

/** A fault repeats a word; a longer text where a word belongs may be a token in the wrong place. */
export const LONGEST_WORD = 24

/** What was given where no secret belongs: a word as it is, a longer text by its length, an object by its kind. */
export function given(value: unknown): string {
  if (typeof value === 'string' && value.length <= LONGEST_WORD) return `got ${quote(value)}`
  if (typeof value === 'bigint') return `got ${value}n`
  if (typeof value === 'number' || typeof value === 'boolean') return `got ${value}`
  return givenSecret(value)
}

/** What was given where a secret belongs, or may stand by mistake: its type and length only. */
export function givenSecret(value: unknown): string {
  if (typeof value === 'string') return `got a string of ${value.length} characters`
  if (value === undefined || value === null) return `got ${value}`
  if (Array.isArray(value)) return `got an array of ${value.length}`
  return `got ${typeof value === 'object' ? 'an' : 'a'} ${typeof value}`
}

/** A name, safe to print: 80 characters of it at most. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
}
