/** Tells clients apart by their address, so that a client that guesses cookies spends its own budget only. */
import { BlockList, isIP, isIPv6 } from 'node:net'
import type { Log } from '../contracts.js'
import { sharedPeer } from '../limiter/token-bucket.js'
import type { RequestLike } from '../public-types.js'
import { header } from './request.js'

const privateRanges = new BlockList()
for (const [network, prefix] of [
  ['127.0.0.0', 8],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['169.254.0.0', 16],
  ['100.64.0.0', 10],
] as const)
  privateRanges.addSubnet(network, prefix, 'ipv4')
privateRanges.addAddress('::1', 'ipv6')
privateRanges.addSubnet('fc00::', 7, 'ipv6')
privateRanges.addSubnet('fe80::', 10, 'ipv6')

/**
 * The client of a request: `req.ip` where the app trusts a proxy, else the socket's peer. A peer that looks
 * like a proxy that the app does not trust counts as shared: its clients cannot be distinguished. Undefined
 * only without a peer address.
 */
export function createClientAddress(
  logger: Log | undefined,
): (req: RequestLike) => string | undefined {
  let warned = false
  return function clientAddress(req) {
    const peer = req.socket?.remoteAddress
    const address = req.ip ?? peer
    if (address === undefined) return undefined
    const own = clientKey(address)
    // A forwarded value that is no address, such as `unknown`, does not distinguish clients.
    if (own === undefined) return sharedBy(peer)
    const believed = (req.ip !== undefined && req.ip !== peer) || isForwarded(req)
    if (believed || !isPrivate(address) || header(req, 'x-forwarded-for') === undefined) return own
    if (!warned) {
      warned = true
      logger?.warn(
        'EOS132',
        "Requests arrive through a proxy the app does not trust, so clients can't be told apart: set Express's `trust proxy`, and appUrl unless the proxy keeps Host",
      )
    }
    return sharedBy(peer ?? address)
  }
}

function sharedBy(peer: string | undefined): string | undefined {
  const key = peer === undefined ? undefined : clientKey(peer)
  return key === undefined ? undefined : sharedPeer(key)
}

/** Whether the app trusts what was forwarded: Express and Fastify list the addresses only then. */
function isForwarded(req: RequestLike): boolean {
  return 'ips' in req && Array.isArray(req.ips) && req.ips.length > 0
}

/** IPv4 as it is (also when mapped into IPv6), IPv6 by its /64; anything else as undefined. */
export function clientKey(address: string): string | undefined {
  const plain = plainAddress(address)
  return plain !== undefined && isIPv6(plain) ? firstHextets(plain) : plain
}

function isPrivate(address: string): boolean {
  const plain = plainAddress(address)
  return plain !== undefined && privateRanges.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4')
}

function firstHextets(address: string): string {
  const [head = '', tail] = address.toLowerCase().split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const gap = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length)
  const all = [...left, ...Array<string>(gap).fill('0'), ...right]
  const network = all.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16))
  return `${network.join(':')}::/64`
}

/** The client's address as it is sent to Okta: an IP address without a port or a zone, or nothing. */
export function clientIp(req: RequestLike): string | undefined {
  return plainAddress(req.ip ?? req.socket?.remoteAddress)
}

/** Replaces {@link clientIp} where no address is sent to Okta. */
export function noClientIp(): undefined {
  return undefined
}

/** An IPv6 address with brackets, zone and port; anything longer is none. */
const MAX_ADDRESS = 80

/**
 * The bare IP address; undefined for anything else, a list of addresses among it. A port (some proxies add
 * one), brackets and a zone are left out, and an IPv4 address mapped into IPv6 is written as IPv4.
 */
export function plainAddress(text: unknown): string | undefined {
  if (typeof text !== 'string' || text.length > MAX_ADDRESS) return undefined
  if (isIP(text) === 4) return text
  const ipv4 = /^([\d.]+):\d{1,5}$/.exec(text)?.[1]
  if (ipv4 !== undefined) return isIP(ipv4) === 4 ? ipv4 : undefined
  const ipv6 = (/^\[([^\]]+)\](?::\d{1,5})?$/.exec(text)?.[1] ?? text).replace(/%.*$/s, '')
  return isIP(ipv6) === 6 ? plainIpv6(ipv6) : undefined
}

/** `::ffff:192.0.2.1` in any of its spellings is 192.0.2.1. */
function plainIpv6(ipv6: string): string {
  const canonical = new URL(`http://[${ipv6}]`).hostname.slice(1, -1)
  const [, high, low] = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/.exec(canonical) ?? []
  if (high === undefined || low === undefined) return canonical
  const octets = [high, low].flatMap((group) => {
    const bits = Number.parseInt(group, 16)
    return [bits >> 8, bits & 0xff]
  })
  return octets.join('.')
}
