/** Where the sign-in pages may send a browser afterwards: to the org, to this machine, or to a trusted origin. */
import type { Answer } from '../http/answer.js'
import type { OrgParts } from '../org/org-parts.js'
import { isTrusted } from '../org/trusted-origins.js'
import { html, pageAnswer } from './page.js'

export const HOME_PATH = '/app/UserHome'

/** The URL to go to, absolute; undefined when it leads elsewhere. */
export function returnTarget(org: OrgParts, given: string | null): string | undefined {
  if (given === null || given === '') return undefined
  if (!URL.canParse(given, org.url)) return undefined
  const url = new URL(given, org.url)
  if (url.username !== '' || url.password !== '') return undefined
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined
  return isTrusted(org, url) ? url.href : undefined
}

/** The same, and the org's home page when nothing was asked for. */
export function targetOrHome(org: OrgParts, given: string | null | undefined): string | undefined {
  if (given === undefined || given === null || given === '') return org.url + HOME_PATH
  return returnTarget(org, given)
}

export function untrustedTarget(): Answer {
  const body = html`<main>
<h1>Not a trusted address</h1>
<div class="card"><p class="alert" role="alert">The address to go to afterwards is neither on this
machine nor one of the org's trusted origins.</p></div>
</main>`
  return pageAnswer({ status: 400, title: 'Not a trusted address', body })
}
