/** Where the sign-in pages may send a browser afterwards: to the org, to this machine, or to a trusted origin. */
import type { OrgParts } from './org-parts.js'

/** The URL to go to, absolute; undefined when it leads elsewhere. */
export function returnTarget(org: OrgParts, given: string | null): string | undefined {
  if (given === null || given === '') return undefined
  if (!URL.canParse(given, org.url)) return undefined
  const url = new URL(given, org.url)
  if (url.username !== '' || url.password !== '') return undefined
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined
  if (isLoopback(url.hostname) || org.trustedOrigins.has(url.origin)) return url.href
  return undefined
}

export function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname === '[::1]' ||
    /^127(\.\d{1,3}){3}$/.test(hostname)
  )
}
