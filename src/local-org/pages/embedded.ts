/** What a page of another site may not load into itself: addresses that change something when they are read. */
import type { Ask } from '../http/ask.js'

/**
 * Whether a page of another site asks by an image, a frame or a script. A link that a person follows is
 * another matter: apps of other sites sign out that way, as at Okta.
 */
export function isEmbeddedElsewhere({ headers }: Ask): boolean {
  return headers['sec-fetch-site'] === 'cross-site' && headers['sec-fetch-dest'] !== 'document'
}
