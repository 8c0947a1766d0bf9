/** Why a token was not enough, as `WWW-Authenticate` has it (RFC 6750, 3; RFC 9449, 7.1). */
import type { Challenge } from '../model/errors.js'
import type { AnswerHeaders } from './answer-headers.js'

/** The first challenge that names an error; undefined when none does. */
export function parseChallenge(headers: AnswerHeaders): Challenge | undefined {
  for (const line of headers.get('www-authenticate') ?? []) {
    const found = challengeIn(line)
    if (found !== undefined) return found
  }
  return undefined
}

/** A scheme, or a parameter with its value quoted or bare. */
const PART = /([\w!#$%&'*+.^`|~-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?/g

function challengeIn(line: string): Challenge | undefined {
  let error: string | undefined
  let scope: string | undefined
  for (const [, name, quoted, bare] of line.matchAll(PART)) {
    const value = quoted?.replaceAll(/\\(.)/g, '$1') ?? bare
    if (value === undefined) {
      // Without a value this is a scheme: the next challenge begins.
      if (error !== undefined) break
      scope = undefined
    } else if (name?.toLowerCase() === 'error') error ??= value
    else if (name?.toLowerCase() === 'scope') scope ??= value
  }
  if (error === undefined || error === '') return undefined
  return Object.freeze({ error, ...(scope !== undefined && scope !== '' && { scope }) })
}
