/** CORS as at Okta: trusted origins may call the paths that browsers use, with cookies. */
import { type Answer, emptyAnswer, type Header } from '../http/answer.js'
import type { OrgRequest } from '../http/request.js'
import type { OrgParts } from '../org/org-parts.js'
import { isTrusted } from '../org/trusted-origins.js'
import { AUTHN_PATH } from './authn-api.js'
import { CURRENT_USER_PATH } from './current-user.js'
import { SESSIONS_PATH } from './operations.js'

/** Whether a request is a CORS preflight. */
export function isPreflight(request: OrgRequest): boolean {
  return (
    request.method === 'OPTIONS' &&
    request.headers.origin !== undefined &&
    request.headers['access-control-request-method'] !== undefined &&
    isForBrowsers(request.path)
  )
}

/** For an untrusted origin serve.ts adds no {@link corsHeaders}, so that the browser rejects the request. */
export function answerPreflight(org: OrgParts, request: OrgRequest): Answer {
  const requested = request.headers['access-control-request-headers']
  if (trustedOrigin(org, request) === undefined) return emptyAnswer(204)
  return emptyAnswer(204, [
    ['access-control-allow-methods', 'GET, POST, DELETE'],
    ...(requested === undefined ? [] : [['access-control-allow-headers', requested] as const]),
    ['access-control-max-age', '600'],
  ])
}

/** The headers that let a page of a trusted origin read an answer. */
export function corsHeaders(org: OrgParts, request: OrgRequest): readonly Header[] {
  if (request.headers.origin === undefined || !isForBrowsers(request.path)) return NONE
  const origin = trustedOrigin(org, request)
  if (origin === undefined) return [VARY]
  return [
    ['access-control-allow-origin', origin],
    ['access-control-allow-credentials', 'true'],
    VARY,
  ]
}

const NONE: readonly Header[] = []
const VARY: Header = ['vary', 'Origin']

/** Whether pages call the path, with the user's own cookie or before sign-in. */
function isForBrowsers(path: string): boolean {
  return FOR_BROWSERS.some((prefix) => path === prefix || path.startsWith(`${prefix}/`))
}

const FOR_BROWSERS = [AUTHN_PATH, `${SESSIONS_PATH}/me`, CURRENT_USER_PATH]

/** The Origin header when it is a trusted origin; `null` and malformed values are not. */
function trustedOrigin(org: OrgParts, { headers: { origin } }: OrgRequest): string | undefined {
  if (origin === undefined || !URL.canParse(origin)) return undefined
  const url = new URL(origin)
  return url.origin === origin && isTrusted(org, url) ? origin : undefined
}
