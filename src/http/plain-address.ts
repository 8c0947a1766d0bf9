/** Writes a client's address the way Okta can be told it, and refuses everything that is no address. */
import { isIP } from 'node:net'

/** An IPv6 address with brackets, zone and port; anything longer is none. */
const LONGEST = 80

/**
 * The bare IP address; undefined for anything else, a list of addresses among it. A port (some proxies add
 * one), brackets and a zone are left out, and an IPv4 address mapped into IPv6 is written as IPv4.
 */
export function plainAddress(text: unknown): string | undefined {
  if (typeof text !== 'string' || text.length > LONGEST) return undefined
  if (isIP(text) === 4) return text
  const ipv4 = /^([\d.]+):\d{1,5}$/.exec(text)?.[1]
  if (ipv4 !== undefined) return isIP(ipv4) === 4 ? ipv4 : undefined
  const ipv6 = (/^\[([^\]]+)\](?::\d{1,5})?$/.exec(text)?.[1] ?? text).replace(/%.*$/s, '')
  return isIP(ipv6) === 6 ? unmapped(ipv6) : undefined
}

/** `::ffff:192.0.2.1` in any of its spellings is 192.0.2.1. */
function unmapped(ipv6: string): string {
  const canonical = new URL(`http://[${ipv6}]`).hostname.slice(1, -1)
  const [, high, low] = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/.exec(canonical) ?? []
  if (high === undefined || low === undefined) return canonical
  const octets = [high, low].flatMap((group) => {
    const bits = Number.parseInt(group, 16)
    return [bits >> 8, bits & 0xff]
  })
  return octets.join('.')
}
