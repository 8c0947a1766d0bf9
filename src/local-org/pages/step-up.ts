/** Step-up: a passcode adds a second factor to a live session, whose cookie stays the same. */
import { type Answer, redirectAnswer } from '../http/answer.js'
import { type OrgRequest, readForm } from '../http/request.js'
import type { OrgParts } from '../org/org-parts.js'
import { addSecondFactor, isRightPassCode } from '../org/second-factor.js'
import { readSessionCookies } from '../org/session-cookies.js'
import type { LiveSession } from '../org/sessions.js'
import { targetOrHome, untrustedTarget } from './return-target.js'
import { passcodePage, signInPage } from './sign-in-page.js'

export const STEP_UP_PATH = '/login/step-up'

/** GET /login/step-up?fromURI= */
export function showStepUp(org: OrgParts, request: OrgRequest): Answer {
  const fromUri = targetOrHome(org, request.query.get('fromURI'))
  if (fromUri === undefined) return untrustedTarget()
  const session = sessionOf(org, request)
  if (session === undefined) return signInPage(org, { status: 200, fromUri })
  return stepUpPage(org, session, { status: 200, fromUri })
}

/** POST /login/step-up */
export async function submitStepUp(org: OrgParts, request: OrgRequest): Promise<Answer> {
  const form = await readForm(request)
  const fromUri = targetOrHome(org, form?.get('fromURI'))
  if (fromUri === undefined) return untrustedTarget()
  const session = sessionOf(org, request)
  if (session === undefined) {
    const problem = 'Your session has ended. Please sign in again.'
    return signInPage(org, { status: 401, fromUri, problem })
  }
  if (!isRightPassCode(org, session.user, form?.get('passCode'))) {
    const problem = 'That is not the passcode the app shows.'
    return stepUpPage(org, session, { status: 401, fromUri, problem })
  }
  addSecondFactor(org, session)
  return redirectAnswer(303, fromUri)
}

export function stepUpPage(
  org: OrgParts,
  session: LiveSession,
  form: { readonly status: number; readonly fromUri: string; readonly problem?: string },
): Answer {
  return passcodePage(org, {
    ...form,
    user: session.user,
    reason: REASONS[session.status],
    action: STEP_UP_PATH,
  })
}

const REASONS = {
  ACTIVE: 'You are signed in. A passcode makes your session stronger.',
  MFA_REQUIRED: 'Your sign-in is not complete: your second factor is missing.',
  MFA_ENROLL: 'Your sign-in is not complete: enter a first passcode to set up a second factor.',
} as const

function sessionOf(org: OrgParts, request: OrgRequest): LiveSession | undefined {
  return org.sessions.byCookies(readSessionCookies(request.headers.cookie))
}
