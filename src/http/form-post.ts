/** Tells a form a person sent from a fetch a script made, and where the form's answer leads. */
import type { IncomingMessage } from 'node:http'
import { wantsPage } from './answers.js'
import { appOrigin } from './app-origin.js'
import { mediaType } from './body.js'
import { header } from './headers.js'
import { safeReturnTo } from './return-to.js'

/** Where a post may lead back to. */
export interface ReturnTo {
  readonly appUrl: string | undefined
  readonly trustedOrigins: readonly string[]
  /** Where it leads when it does not say, or says something unsafe. */
  readonly fallback: string
}

/** Browsers say it in Sec-Fetch-Mode; elsewhere a form is what is encoded as one and does not ask for JSON. */
export function isFormPost(req: IncomingMessage): boolean {
  if (header(req, 'sec-fetch-mode') !== undefined) return wantsPage(req)
  const type = mediaType(req)
  if (type !== 'application/x-www-form-urlencoded') return wantsPage(req)
  return wantsPage(req) || !(header(req, 'accept') ?? '').includes('application/json')
}

/** `returnTo` from the body, then from the query; only ever a path of ours or a trusted origin's URL. */
export function returnToOf(
  field: string | undefined,
  req: IncomingMessage,
  { appUrl, trustedOrigins, fallback }: ReturnTo,
): string {
  return safeReturnTo(field ?? queryField(req), {
    appOrigin: appOrigin(req, appUrl),
    trustedOrigins,
    fallback,
  })
}

/** Twice is not at all: nobody chooses between two. */
function queryField(req: IncomingMessage): string | undefined {
  const url = req.url ?? ''
  const query = url.includes('?') ? url.slice(url.indexOf('?') + 1) : ''
  const values = new URLSearchParams(query).getAll('returnTo')
  return values.length === 1 ? values[0] : undefined
}
