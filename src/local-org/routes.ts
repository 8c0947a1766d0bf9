/** Every address of the org and who answers there. */
import { type Answer, redirectAnswer } from './answer.js'
import type { Ask } from './ask.js'
import { authenticate } from './authn-api.js'
import { oktaError } from './okta-error.js'
import { matchOperation, SESSIONS_PATH, type SessionOperation } from './operations.js'
import type { OrgParts } from './org-parts.js'
import { answerOperation } from './sessions-api.js'
import {
  HOME_PATH,
  redeemInBrowser,
  showHome,
  showSignIn,
  signOut,
  submitSignIn,
} from './sign-in.js'
import { SIGN_IN_PATH } from './sign-in-page.js'

/** What `org.calls` counts. */
export type CountedCall = SessionOperation | 'authenticate'

export interface Route {
  /** The name it is counted under, if it is. */
  readonly call?: CountedCall
  answer(org: OrgParts, ask: Ask): Answer | Promise<Answer>
}

export function findRoute(method: string, path: string): Route {
  if (path.startsWith(SESSIONS_PATH)) return sessionsRoute(method, path)
  const byMethod = ROUTES.get(path)
  if (byMethod === undefined) return UNKNOWN_PATH
  return byMethod.get(method === 'HEAD' ? 'GET' : method) ?? UNKNOWN_METHOD
}

const UNKNOWN_PATH: Route = {
  answer: (_org, ask) => oktaError('E0000007', { what: ask.path }),
}

const UNKNOWN_METHOD: Route = { answer: () => oktaError('E0000022') }

function sessionsRoute(method: string, path: string): Route {
  const match = matchOperation(method, path)
  if (match.kind === 'unknown_path') return UNKNOWN_PATH
  if (match.kind === 'unknown_method') return UNKNOWN_METHOD
  const { operation, id } = match
  return {
    call: operation,
    answer: (org, ask) => answerOperation(org, operation, id, ask),
  }
}

const ROUTES: ReadonlyMap<string, ReadonlyMap<string, Route>> = new Map([
  route('/', { GET: { answer: (org) => redirectAnswer(302, org.url + HOME_PATH) } }),
  route('/api/v1/authn', { POST: { call: 'authenticate', answer: authenticate } }),
  route(SIGN_IN_PATH, { GET: { answer: showSignIn }, POST: { answer: submitSignIn } }),
  route('/login/sessionCookieRedirect', { GET: { answer: redeemInBrowser } }),
  route('/login/signout', { GET: { answer: signOut } }),
  route(HOME_PATH, { GET: { answer: showHome } }),
])

function route(path: string, byMethod: Readonly<Record<string, Route>>) {
  return [path, new Map(Object.entries(byMethod))] as const
}
