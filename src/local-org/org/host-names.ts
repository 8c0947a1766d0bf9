/** The host names that the org accepts: a page that reaches it by DNS rebinding sends another one. */
import type { IncomingMessage } from 'node:http'

const OWN_NAMES = ['localhost', '127.0.0.1', '[::1]']

/** Whether a request has exactly one Host, and it is a name of this machine or one of `allowed`, at any port. */
export type HasAllowedHost = (req: Pick<IncomingMessage, 'headersDistinct'>) => boolean

export function createHasAllowedHost(allowed: readonly string[]): HasAllowedHost {
  const names = new Set([...OWN_NAMES, ...allowed].map((name) => name.toLowerCase()))
  return function hasAllowedHost({ headersDistinct: { host: hosts = [] } }) {
    const [host = '', ...others] = hosts
    return others.length === 0 && names.has(host.replace(/:\d{1,5}$/, '').toLowerCase())
  }
}

/** Whether a string is a host name or an address as in a Host header, without a scheme, a port or a pattern. */
export function isHostName(name: string): boolean {
  return (
    /^([\w.-]+|\[[\da-f:.]+\])$/i.test(name) &&
    URL.canParse(`http://${name}`) &&
    new URL(`http://${name}`).hostname === name.toLowerCase()
  )
}
