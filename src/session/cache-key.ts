/** Digests that stand for credentials, sessions and users in caches and in the revocation log. */
import { createHmac, hash, hkdfSync } from 'node:crypto'
import type { CookieKind } from '../contracts.js'

/**
 * The key of a credential inside this process: the sha256 of cookie name and value, 32 Latin-1 characters.
 * It is short however long an `idx` is, keeps no Cookie header alive, and is no secret where lru-cache
 * publishes its keys.
 */
export function credentialKey(as: CookieKind, value: string): string {
  return pairKey(`${as}=${value}`)
}

/** The same for a pair `name=value` that is already one text, as in a Cookie header. */
export function pairKey(pair: string): string {
  return hash('sha256', pair, 'binary')
}

/**
 * What a revocation record is about; the three kinds never collide. In clear, and never kept: a session id
 * may be the value of a live `sid` cookie.
 */
export const subject = {
  credential: (key: string) => `c:${key}`,
  session: (id: string) => `s:${id}`,
  user: (id: string) => `u:${id}`,
} as const

/** Turns a subject into the digest that stands for it. */
export type NameSubject = (subject: string) => string

/** Inside this process: the sha256. A credential's key is a digest already. */
export const subjectDigest: NameSubject = (text) =>
  text.startsWith('c:') ? text : `${text.slice(0, 2)}${hash('sha256', text, 'binary')}`

const PURPOSE = 'express-okta-session revocation subject v1'
const KEY_BYTES = 32

/**
 * In what leaves the process: an HMAC under a key derived from the first of `secrets`, since ids can be
 * guessed and compared with a plain digest. Instances of an org with different secrets neither share
 * entries nor read each other's revocations; those take effect with Okta's own answer, within `maxTtlMs`.
 */
export function keyedSubjectDigest(secrets: readonly string[], orgOrigin: string): NameSubject {
  const [secret] = secrets
  if (secret === undefined) throw new TypeError('a shared store needs a secret')
  const key = Buffer.from(hkdfSync('sha256', secret, '', PURPOSE, KEY_BYTES))
  const org = `${Buffer.byteLength(orgOrigin)}:${orgOrigin}`
  return (text) => {
    const hmac = createHmac('sha256', key)
    // A credential's key consists of bytes.
    hmac.update(org).update(text, 'latin1')
    return `${text.slice(0, 2)}${hmac.digest('base64url')}`
  }
}
