/** Takes what was sent in confidence out of an answer's texts, should the answer repeat it. */
import type { Operation } from '../errors.js'

export interface OperationSubject {
  readonly operation: Operation
  /** The id asked for by a by-id operation. It may be a live credential, and Okta's texts quote it. */
  readonly sessionId?: string | undefined
  /** Cookie value, session token, Authorization: whatever was sent and no text may give back. */
  readonly secrets: readonly string[]
}

/** Shorter than this nothing is a secret, and replacing it would shred the text around it. */
const SHORTEST_SECRET = 8

/** More than any text of Okta's; what is longer is cut, so that a hostile answer costs no more to read. */
const LONGEST_TEXT = 8_192

/** Makes Okta's text fit to be shown: see {@link cleanerFor}. */
export type Clean = (text: string) => string

/**
 * Takes out of an answer's texts what we sent in confidence, should something have echoed it, and the id
 * that was asked for, which may be the value of a `sid` cookie: `{secret}` and `{sessionId}` stand there.
 */
export function cleanerFor({ secrets, sessionId }: OperationSubject): Clean {
  const hidden = [
    ...secrets.flatMap((secret) => spelled(secret, '{secret}')),
    ...(sessionId === undefined ? [] : spelled(sessionId, '{sessionId}')),
  ]
  const short =
    sessionId !== undefined && sessionId.length < SHORTEST_SECRET ? sessionId : undefined
  const longest = Math.max(0, ...hidden.map(([text]) => text.length))

  return function clean(text) {
    let told = text.slice(0, LONGEST_TEXT)
    for (const [spelling, name] of hidden) told = told.replaceAll(spelling, name)
    if (short !== undefined) told = withoutShort(told, short)
    // The cut may have gone through a secret, whose beginning is then the end of the text.
    return text.length > LONGEST_TEXT ? told.slice(0, Math.max(0, told.length - longest)) : told
  }
}

function spelled(secret: string, name: string): (readonly [spelling: string, name: string])[] {
  if (secret.length < SHORTEST_SECRET) return []
  return spellings(secret).map((spelling) => [spelling, name] as const)
}

/** How a text may come back: as it is, percent-encoded once or twice, as HTML, as JSON, as base64. */
function spellings(secret: string): string[] {
  // Half a character has no encoding; it arrives as its replacement.
  const bytes = Buffer.from(secret)
  const encoded = encodeURIComponent(bytes.toString())
  const everyByte = bytes.toString('hex').replaceAll(/../g, '%$&')
  const percent = [encoded, everyByte, everyByte.toUpperCase()].flatMap((text) => [
    text,
    text.replaceAll(/%../g, (octet) => octet.toLowerCase()),
    text.replaceAll('%', '%25'),
  ])
  const json = JSON.stringify(secret).slice(1, -1)
  const base64 = bytes.toString('base64')
  const unpadded = base64.replace(/={1,2}$/, '')
  const all = [secret, ...percent, escapeHtml(secret), json, base64, unpadded]
  all.push(bytes.toString('base64url'), bytes.toString('hex'))
  // A longer one first: another may be its beginning.
  return [...new Set(all)].sort((a, b) => b.length - a.length)
}

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? character)
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Only where it stands alone: the id `e` must not be found in every word. */
function withoutShort(text: string, id: string): string {
  const inPath = encodeURIComponent(id)
  const either = [...new Set([id, inPath])].map(literal).join('|')
  return text.replaceAll(new RegExp(`(?<![\\w-])(?:${either})(?![\\w-])`, 'gi'), '{sessionId}')
}

function literal(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|-]/g, '\\$&')
}
