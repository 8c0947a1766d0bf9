/** Validates the URL to return to after sign-in: on the org, on this machine, or of a trusted origin. */
import type { Answer } from '../http/answer.js'
import type { OrgParts } from '../org/org-parts.js'
import { isTrusted } from '../org/trusted-origins.js'
import { html, pageAnswer } from './page.js'

export const HOME_PATH = '/app/UserHome'

/** The absolute URL to return to; undefined when it is missing or not trusted. */
export function returnTarget(org: OrgParts, given: string | null): string | undefined {
  if (given === null || given === '') return undefined
  if (!URL.canParse(given, org.url)) return undefined
  const url = new URL(given, org.url)
  if (url.username !== '' || url.password !== '') return undefined
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined
  return isTrusted(org, url) ? url.href : undefined
}

/** The URL to return to, or the org's home page when none is given; undefined when it is not trusted. */
export function targetOrHome(org: OrgParts, given: string | null | undefined): string | undefined {
  if (given === undefined || given === null || given === '') return org.url + HOME_PATH
  return returnTarget(org, given)
}

export function untrustedTarget(): Answer {
  const body = html`<main>
<h1>Not a trusted address</h1>
<div class="card"><p class="alert" role="alert">The URL to return to is neither on this machine nor of
one of the org's trusted origins.</p></div>
</main>`
  return pageAnswer({ status: 400, title: 'Not a trusted address', body })
}
