/** Why a token was not enough, as `WWW-Authenticate` has it (RFC 6750, 3; RFC 9449, 7.1). */
import type { Challenge } from '../errors.js'
import type { AnswerHeaders } from './answer-headers.js'

/** More than any challenge of Okta's needs; nothing is read behind it. */
const LONGEST_LINE = 4_096

/** The first challenge that names an error; undefined when none does. */
export function parseChallenge(headers: AnswerHeaders): Challenge | undefined {
  for (const line of headers.get('www-authenticate') ?? []) {
    const found = challengeIn(line.slice(0, LONGEST_LINE))
    if (found !== undefined) return found
  }
  return undefined
}

/** A scheme (without a value) or a parameter of one. */
interface Part {
  readonly name: string
  readonly value?: string | undefined
}

function challengeIn(line: string): Challenge | undefined {
  let error: string | undefined
  let scope: string | undefined
  for (const { name, value } of partsOf(line)) {
    if (value === undefined) {
      // Without a value this is a scheme: the next challenge begins.
      if (error !== undefined) break
      scope = undefined
    } else if (name === 'error') error ??= value
    else if (name === 'scope') scope ??= value
  }
  if (error === undefined || error === '') return undefined
  return Object.freeze({ error, ...(scope !== undefined && scope !== '' && { scope }) })
}

const NAME = /[\w!#$%&'*+.^`|~-]+/y
const EQUALS = /[ \t]*=[ \t]*/y
const QUOTED = /"((?:[^"\\]|\\.)*)"/y
const BARE = /[^\s,"]*/y

/**
 * Reads from left to right and never goes back. A quoted text without an end is nobody's value, and what
 * stands behind its quotation mark can't be told apart from it: there the reading ends.
 */
function* partsOf(line: string): Generator<Part> {
  let at = 0
  const take = (pattern: RegExp) => {
    pattern.lastIndex = at
    const found = pattern.exec(line)
    if (found !== null) at = pattern.lastIndex
    return found
  }
  while (at < line.length) {
    const name = take(NAME)?.[0].toLowerCase()
    if (name === undefined) at += 1
    else if (take(EQUALS) === null) yield { name }
    else if (line[at] === '"') {
      const quoted = take(QUOTED)?.[1]
      if (quoted === undefined) return
      yield { name, value: quoted.replaceAll(/\\(.)/g, '$1') }
    } else yield { name, value: take(BARE)?.[0] ?? '' }
  }
}
