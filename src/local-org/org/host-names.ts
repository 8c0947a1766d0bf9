/** The names by which the org is asked. A page whose own name was made to point here (DNS rebinding) sends that. */
import type { IncomingMessage } from 'node:http'

const OWN_NAMES = ['localhost', '127.0.0.1', '[::1]']

/** Whether a request names the org, by its one Host, as this machine or as one of `allowed`, at any port. */
export type IsNamed = (req: Pick<IncomingMessage, 'headersDistinct'>) => boolean

export function createIsNamed(allowed: readonly string[]): IsNamed {
  const names = new Set([...OWN_NAMES, ...allowed].map((name) => name.toLowerCase()))
  return function isNamed({ headersDistinct: { host: hosts = [] } }) {
    const [host = '', ...others] = hosts
    return others.length === 0 && names.has(host.replace(/:\d{1,5}$/, '').toLowerCase())
  }
}

/** Whether it is a host name as a Host header has it, or an address: no scheme, no port, no pattern. */
export function isHostName(name: string): boolean {
  return (
    /^([\w.-]+|\[[\da-f:.]+\])$/i.test(name) &&
    URL.canParse(`http://${name}`) &&
    new URL(`http://${name}`).hostname === name.toLowerCase()
  )
}
