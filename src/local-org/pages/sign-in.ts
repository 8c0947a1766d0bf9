/** The browser's way in: the sign-in forms, and the redirect that takes a session token. */
import { type Answer, redirectAnswer } from '../http/answer.js'
import { type Ask, readForm } from '../http/ask.js'
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
 * GET /login/login.htm?fromURI=: a browser that is signed in already goes straight on, and one whose
 * session lacks its second factor is asked for that.
 */
export function showSignIn(org: OrgParts, ask: Ask): Answer {
  const target = targetOrHome(org, ask.query.get('fromURI'))
  if (target === undefined) return untrustedTarget()
  const session = org.sessions.byCookies(readSessionCookies(ask.headers.cookie))
  if (session === undefined) return signInPage(org, { status: 200, fromUri: target })
  if (session.status !== 'ACTIVE') return stepUpPage(org, session, { status: 200, fromUri: target })
  return redirectAnswer(302, target)
}

/** POST /login/login.htm */
export async function submitSignIn(org: OrgParts, ask: Ask): Promise<Answer> {
  const form = await readForm(ask)
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
  return goOn(org, { user, proof: PASSWORD_ONLY }, 303, target)
}

/** POST /login/second-step */
export async function submitSecondStep(org: OrgParts, ask: Ask): Promise<Answer> {
  const form = await readForm(ask)
  const target = targetOrHome(org, form?.get('fromURI'))
  if (target === undefined) return untrustedTarget()
  const stateToken = form?.get('stateToken') ?? ''
  const user = org.stateTokens.get(stateToken)
  const outcome = verifySecondFactor(org, stateToken, form?.get('passCode'))
  if (user === undefined || outcome === 'unknown_token') {
    const problem = 'That took too long. Please sign in again.'
    return signInPage(org, { status: 401, fromUri: target, problem })
  }
  if (outcome === 'wrong_passcode') {
    const problem = 'That is not the passcode the app shows.'
    return secondStepPage(org, user, stateToken, { fromUri: target, problem })
  }
  return goOn(org, outcome, 303, target)
}

/** GET /login/sessionCookieRedirect?token=&redirectUrl= */
export function redeemInBrowser(org: OrgParts, ask: Ask): Answer {
  const target = returnTarget(org, ask.query.get('redirectUrl'))
  if (target === undefined) return untrustedTarget()
  const signedIn = org.sessionTokens.take(ask.query.get('token') ?? '')
  if (signedIn === undefined || org.users.isSuspended(signedIn.user)) {
    return redirectAnswer(302, `${org.url}${SIGN_IN_PATH}?fromURI=${encodeURIComponent(target)}`)
  }
  return goOn(org, signedIn, 302, target)
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
    reason: 'This account asks for a second factor.',
    action: SECOND_STEP_PATH,
  })
}

function goOn(org: OrgParts, signedIn: SignedIn, status: 302 | 303, target: string): Answer {
  const session = org.sessions.create(signedIn.user, signedIn.proof)
  return redirectAnswer(status, target, signInCookies(org.engine, org.sessions, session))
}
