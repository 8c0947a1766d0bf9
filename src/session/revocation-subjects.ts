/** Names what a revocation is about, so that the log holds no cookie value, no session id and no user id. */
import { createHmac, hash, hkdfSync } from 'node:crypto'

/**
 * Whose mark it is; the three kinds never collide. In clear, and never kept: a session id may be the value
 * of a live `sid` cookie.
 */
export const subject = {
  credential: (key: string) => `c:${key}`,
  session: (id: string) => `s:${id}`,
  user: (id: string) => `u:${id}`,
} as const

/** The name under which a subject stands in the log. */
export type NameSubject = (subject: string) => string

/** Inside this process: the sha256, as short as a credential's key, which is a digest already. */
export const subjectDigest: NameSubject = (text) =>
  text.startsWith('c:') ? text : `${text.slice(0, 2)}${hash('sha256', text, 'binary')}`

const PURPOSE = 'express-okta-session revocation subject v1'
const KEY_BYTES = 32

/**
 * Where names leave the process, in the log all instances share: an HMAC under a key derived from `secret`,
 * since ids can be guessed and tried against a plain digest. All instances of an org must begin with the
 * same secret: under different ones they do not hear each other's revocations, and those take effect with
 * Okta's own no, within `maxTtlMs`.
 */
export function keyedSubjectDigest(secrets: readonly string[], orgOrigin: string): NameSubject {
  const [secret] = secrets
  if (secret === undefined) throw new TypeError('a log that is shared needs a secret')
  const key = Buffer.from(hkdfSync('sha256', secret, '', PURPOSE, KEY_BYTES))
  const org = `${Buffer.byteLength(orgOrigin)}:${orgOrigin}`
  return (text) => {
    const hmac = createHmac('sha256', key)
    // A credential's key holds bytes.
    hmac.update(org).update(text, 'latin1')
    return `${text.slice(0, 2)}${hmac.digest('base64url')}`
  }
}
