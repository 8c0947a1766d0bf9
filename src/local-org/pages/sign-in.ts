/** Sign-in in the browser: the sign-in forms, and the redirect that exchanges a session token for a cookie. */
import { type Answer, redirectAnswer } from '../http/answer.js'
import { type OrgRequest, readForm } from '../http/request.js'
import { startSession } from '../org/org-actions.js'
import type { OrgParts, SignedIn } from '../org/org-parts.js'
import { awaitSecondFactor, verifySecondFactor } from '../org/second-factor.js'
import { readSessionCookies, signInCookies } from '../org/session-cookies.js'
import { PASSWORD_ONLY } from '../org/sessions.js'
import type { LocalUser } from '../org/users.js'
import { returnTarget, targetOrHome, untrustedTarget } from './return-target.js'
import { passcodePage, SIGN_IN_PATH, signInPage } from './sign-in-page.js'
import { stepUpPage } from './step-up.js'
export const SECOND_STEP_PATH = '/login/second-step'

/**
 * GET /login/login.htm?fromURI=: redirects a browser that is signed in, and shows the passcode form to one
 * whose session lacks its second factor.
 */
export function showSignIn(org: OrgParts, request: OrgRequest): Answer {
  const target = targetOrHome(org, request.query.get('fromURI'))
  if (target === undefined) return untrustedTarget()
  const session = org.sessions.byCookies(readSessionCookies(request.headers.cookie))
  if (session === undefined) {
    const login = request.query.get('login_hint') ?? ''
    return signInPage(org, { status: 200, fromUri: target, login })
  }
  if (session.status !== 'ACTIVE') return stepUpPage(org, session, { status: 200, fromUri: target })
  return redirectAnswer(302, target)
}

/** POST /login/login.htm */
export async function submitSignIn(org: OrgParts, request: OrgRequest): Promise<Answer> {
  const form = await readForm(request)
  const target = targetOrHome(org, form?.get('fromURI'))
  if (target === undefined) return untrustedTarget()
  const login = form?.get('username') ?? ''
  const user = org.users.authenticate(login, form?.get('password') ?? '')
  if (user === undefined) {
    const problem = 'Unable to sign in: wrong username or password.'
    return signInPage(org, { status: 401, fromUri: target, login, problem })
  }
  if (user.mfa !== undefined) {
    return secondStepPage(org, user, awaitSecondFactor(org, user), { fromUri: target })
  }
  return signInAnswer(org, { user, proof: PASSWORD_ONLY }, 303, target)
}

/** POST /login/second-step */
export async function submitSecondStep(org: OrgParts, request: OrgRequest): Promise<Answer> {
  const form = await readForm(request)
  const target = targetOrHome(org, form?.get('fromURI'))
  if (target === undefined) return untrustedTarget()
  const stateToken = form?.get('stateToken') ?? ''
  const user = org.stateTokens.get(stateToken)
  const outcome = verifySecondFactor(org, stateToken, form?.get('passCode'))
  if (user === undefined || outcome === 'unknown_token') {
    const problem = 'This sign-in has expired. Please sign in again.'
    return signInPage(org, { status: 401, fromUri: target, problem })
  }
  if (outcome === 'wrong_passcode') {
    const problem = 'That is not the passcode the app shows.'
    return secondStepPage(org, user, stateToken, { fromUri: target, problem })
  }
  return signInAnswer(org, outcome, 303, target)
}

/** GET /login/sessionCookieRedirect?token=&redirectUrl= */
export function redeemInBrowser(org: OrgParts, request: OrgRequest): Answer {
  const target = returnTarget(org, request.query.get('redirectUrl'))
  if (target === undefined) return untrustedTarget()
  const signedIn = org.sessionTokens.take(request.query.get('token') ?? '')
  if (signedIn === undefined || org.users.isSuspended(signedIn.user)) {
    return redirectAnswer(302, `${org.url}${SIGN_IN_PATH}?fromURI=${encodeURIComponent(target)}`)
  }
  return signInAnswer(org, signedIn, 302, target)
}

function secondStepPage(
  org: OrgParts,
  user: LocalUser,
  stateToken: string,
  form: { readonly fromUri: string; readonly problem?: string },
): Answer {
  return passcodePage(org, {
    ...form,
    status: form.problem === undefined ? 200 : 401,
    user,
    stateToken,
    reason: 'This account requires a second factor.',
    action: SECOND_STEP_PATH,
  })
}

function signInAnswer(
  org: OrgParts,
  signedIn: SignedIn,
  status: 302 | 303,
  target: string,
): Answer {
  const session = startSession(org, signedIn)
  return redirectAnswer(status, target, signInCookies(org.engine, org.sessions, session))
}
