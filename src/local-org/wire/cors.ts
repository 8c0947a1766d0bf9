/** Cross-origin requests as Okta allows them: from trusted origins, cookies included, to what browsers call. */
import { type Answer, emptyAnswer, type Header } from '../http/answer.js'
import type { Ask } from '../http/ask.js'
import type { OrgParts } from '../org/org-parts.js'
import { isTrusted } from '../org/trusted-origins.js'
import { AUTHN_PATH } from './authn-api.js'
import { SESSIONS_PATH } from './operations.js'

/** Whether a browser asks for leave to send what it is about to send. */
export function isPreflight(ask: Ask): boolean {
  return (
    ask.method === 'OPTIONS' &&
    ask.headers.origin !== undefined &&
    ask.headers['access-control-request-method'] !== undefined &&
    isForBrowsers(ask.path)
  )
}

/** Without {@link corsHeaders}, which every answer gets, it is a no. */
export function answerPreflight(org: OrgParts, ask: Ask): Answer {
  const asked = ask.headers['access-control-request-headers']
  if (trustedOrigin(org, ask) === undefined) return emptyAnswer(204)
  return emptyAnswer(204, [
    ['access-control-allow-methods', 'GET, POST, DELETE'],
    ...(asked === undefined ? [] : [['access-control-allow-headers', asked] as const]),
    ['access-control-max-age', '600'],
  ])
}

/** What lets a page of another origin read an answer; nothing for those the org does not trust. */
export function corsHeaders(org: OrgParts, ask: Ask): readonly Header[] {
  if (ask.headers.origin === undefined || !isForBrowsers(ask.path)) return NONE
  const origin = trustedOrigin(org, ask)
  if (origin === undefined) return [VARY]
  return [
    ['access-control-allow-origin', origin],
    ['access-control-allow-credentials', 'true'],
    VARY,
  ]
}

const NONE: readonly Header[] = []
const VARY: Header = ['vary', 'Origin']

/** What is asked for with the user's own cookie, or with none yet. */
function isForBrowsers(path: string): boolean {
  return FOR_BROWSERS.some((prefix) => path === prefix || path.startsWith(`${prefix}/`))
}

const FOR_BROWSERS = [AUTHN_PATH, `${SESSIONS_PATH}/me`]

/** The Origin header as it was sent, which `null` and what is no origin are not. */
function trustedOrigin(org: OrgParts, { headers: { origin } }: Ask): string | undefined {
  if (origin === undefined || !URL.canParse(origin)) return undefined
  const url = new URL(origin)
  return url.origin === origin && isTrusted(org, url) ? origin : undefined
}
