/** The routes of the org: which handler answers a method and path. */
import { type Answer, redirectAnswer } from '../http/answer.js'
import type { OrgRequest } from '../http/request.js'
import { issueAccessToken, TOKEN_PATH } from '../oauth/token-endpoint.js'
import type { CountedCall } from '../org/calls.js'
import type { Bucket } from '../org/rate-limits.js'
import { showKeys } from '../org/signing-key.js'
import { CONSOLE_PATH } from '../pages/console-page.js'
import { ACTIONS, control, showConsole, showState } from '../pages/control.js'
import { HOME_PATH } from '../pages/return-target.js'
import { isSameOriginPost, rejectCrossOriginPost } from '../pages/same-origin-post.js'
import {
  redeemInBrowser,
  SECOND_STEP_PATH,
  showSignIn,
  submitSecondStep,
  submitSignIn,
} from '../pages/sign-in.js'
import { SIGN_IN_PATH } from '../pages/sign-in-page.js'
import { showHome, signOut } from '../pages/sign-out.js'
import { STEP_UP_PATH, showStepUp, submitStepUp } from '../pages/step-up.js'
import type { PushingOrg } from '../pushes/pushes.js'
import { AUTHN_PATH, authenticate, cancelAuthentication, verifyFactor } from '../wire/authn-api.js'
import { answerPreflight, isPreflight } from '../wire/cors.js'
import { CURRENT_USER_PATH, showCurrentUser } from '../wire/current-user.js'
import { oktaError } from '../wire/okta-error.js'
import { matchOperation, SESSIONS_PATH } from '../wire/operations.js'
import { answerOperation } from '../wire/sessions-api.js'

export interface Route {
  /** The name that it is counted under; undefined when it is not counted. */
  readonly call?: CountedCall
  /** The rate limit that it counts against; pages have none. */
  readonly bucket?: Bucket
  answer(org: PushingOrg, request: OrgRequest): Answer | Promise<Answer>
}

export function findRoute(
  request: OrgRequest,
  { trustedOrigins }: Pick<PushingOrg, 'trustedOrigins'>,
): Route {
  const { method, path } = request
  if (isPreflight(request)) return PREFLIGHT
  if (changes(method) && !isApi(path) && !isSameOriginPost(request, trustedOrigins))
    return CROSS_ORIGIN_POST
  if (path === SESSIONS_PATH || path.startsWith(`${SESSIONS_PATH}/`)) {
    return sessionsRoute(method, path)
  }
  const byMethod = ROUTES.get(path) ?? factorRoutes(path)
  if (byMethod === undefined) return UNKNOWN_PATH
  return byMethod.get(method === 'HEAD' ? 'GET' : method) ?? UNKNOWN_METHOD
}

/** Not counted: a preflight is no call of the API. */
const PREFLIGHT: Route = { answer: answerPreflight }

/** Applies to every path outside the API, known or not, so that it covers paths added later. */
const CROSS_ORIGIN_POST: Route = { answer: rejectCrossOriginPost }

function changes(method: string): boolean {
  return !['GET', 'HEAD', 'OPTIONS'].includes(method)
}

/** The paths that CORS and credentials protect, as at Okta. */
function isApi(path: string): boolean {
  return path.startsWith('/api/v1/') || path.startsWith('/oauth2/')
}

const UNKNOWN_PATH: Route = {
  answer: (_org, request) => oktaError('E0000007', { what: request.path }),
}

const UNKNOWN_METHOD: Route = { answer: () => oktaError('E0000022') }

function sessionsRoute(method: string, path: string): Route {
  const match = matchOperation(method, path)
  // Unknown paths and methods count against the rate limit too.
  if (match.kind === 'unknown_path') return { ...UNKNOWN_PATH, bucket: 'sessions' }
  if (match.kind === 'unknown_method') return { ...UNKNOWN_METHOD, bucket: 'sessions' }
  const { operation, id } = match
  return {
    call: operation,
    bucket: 'sessions',
    answer: (org, request) => answerOperation(org, operation, id, request),
  }
}

const VERIFY_PATH = new RegExp(`^${AUTHN_PATH}/factors/([\\w-]{1,64})/verify$`)

function factorRoutes(path: string): ReadonlyMap<string, Route> | undefined {
  const [, factorId] = VERIFY_PATH.exec(path) ?? []
  if (factorId === undefined) return undefined
  const verify: Route = {
    call: 'verifyFactor',
    bucket: 'authn',
    answer: (org, request) => verifyFactor(org, factorId, request),
  }
  return new Map([['POST', verify]])
}

/** All routes except the session operations and the verification of a factor. */
export const ROUTES: ReadonlyMap<string, ReadonlyMap<string, Route>> = new Map([
  route('/', { GET: { answer: () => redirectAnswer(302, CONSOLE_PATH) } }),
  route(AUTHN_PATH, { POST: { call: 'authenticate', bucket: 'authn', answer: authenticate } }),
  route(`${AUTHN_PATH}/cancel`, { POST: { bucket: 'authn', answer: cancelAuthentication } }),
  route(CURRENT_USER_PATH, { GET: { answer: showCurrentUser } }),
  route(TOKEN_PATH, { POST: { call: 'token', bucket: 'oauth2', answer: issueAccessToken } }),
  route('/oauth2/v1/keys', { GET: { call: 'keys', bucket: 'oauth2', answer: showKeys } }),
  route(SIGN_IN_PATH, { GET: { answer: showSignIn }, POST: { answer: submitSignIn } }),
  route(SECOND_STEP_PATH, { POST: { answer: submitSecondStep } }),
  route(STEP_UP_PATH, { GET: { answer: showStepUp }, POST: { answer: submitStepUp } }),
  route('/login/sessionCookieRedirect', { GET: { answer: redeemInBrowser } }),
  route('/login/signout', { GET: { answer: signOut } }),
  route(HOME_PATH, { GET: { answer: showHome } }),
  route(CONSOLE_PATH, { GET: { answer: showConsole } }),
  route(`${CONSOLE_PATH}/state`, { GET: { answer: showState } }),
  ...Object.entries(ACTIONS).map(([name, act]) =>
    route(`${CONSOLE_PATH}/${name}`, {
      POST: { answer: (org, request) => control(name, act, org, request) },
    }),
  ),
])

function route(path: string, byMethod: Readonly<Record<string, Route>>) {
  return [path, new Map(Object.entries(byMethod))] as const
}
