/** What was asked, as far as an answer's text has to be read with it in mind. */
import type { Operation } from '../model/errors.js'

export interface Question {
  readonly operation: Operation
  /** The id asked for by a by-id operation. It may be a live credential, and Okta's texts quote it. */
  readonly sessionId?: string | undefined
  /** Cookie value, session token, Authorization: whatever was sent and no text may give back. */
  readonly secrets: readonly string[]
}

/** Shorter than this nothing is a secret, and replacing it would shred the text around it. */
const SHORTEST_SECRET = 8

/** Okta's text, with what we sent in confidence taken out should something have echoed it. */
export function withoutSecrets(text: string, question: Question): string {
  let told = text
  for (const secret of question.secrets)
    if (secret.length >= SHORTEST_SECRET) told = told.replaceAll(secret, '{secret}')
  return told
}

/** The same for a message, in which the id asked for reads `{sessionId}`. */
export function withoutSessionId(text: string, question: Question): string {
  const id = question.sessionId
  if (id === undefined) return text
  const inPath = encodeURIComponent(id)
  return replaceId(replaceId(text, id), inPath)
}

function replaceId(text: string, id: string): string {
  if (id.length >= SHORTEST_SECRET) return text.replaceAll(id, '{sessionId}')
  // A short one only where it stands alone: the id `e` must not be found in every word.
  const literal = id.replaceAll(/[\\^$.*+?()[\]{}|-]/g, '\\$&')
  return text.replaceAll(new RegExp(`(?<![\\w-])${literal}(?![\\w-])`, 'g'), '{sessionId}')
}
