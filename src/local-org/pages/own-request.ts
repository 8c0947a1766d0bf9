/** Who may look at and steer the console: this machine, and no page of another origin in its browsers. */
import type { Ask } from '../http/ask.js'
import { isLoopback } from '../http/loopback.js'

/**
 * Whether the request was addressed to this machine by name. The org listens on loopback only; a page
 * whose own name was made to point here (DNS rebinding) still sends that name.
 */
export function isAddressedHere(ask: Ask): boolean {
  const host = `http://${ask.headers.host ?? ''}`
  return URL.canParse(host) && isLoopback(new URL(host).hostname)
}

/** Whether a post comes from the console itself, or from a program: browsers say where a post comes from. */
export function isOwnPost(ask: Ask): boolean {
  const { host, origin } = ask.headers
  const site = ask.headers['sec-fetch-site']
  if (origin !== undefined && origin !== 'null') return origin === `http://${host}`
  if (site !== undefined) return site === 'same-origin' || (site === 'none' && origin === undefined)
  return origin === undefined
}
