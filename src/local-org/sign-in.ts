/** The browser's way in and out: the sign-in form, the redirect that takes a session token, and sign-out. */
import { type Answer, redirectAnswer } from './answer.js'
import { type Ask, readForm } from './ask.js'
import type { OrgParts, SignedIn } from './org-parts.js'
import { html, pageAnswer } from './page.js'
import { returnTarget } from './return-target.js'
import { expiredCookies, readSessionCookies, signInCookies } from './session-cookies.js'
import { PASSWORD_ONLY } from './sessions.js'
import { SIGN_IN_PATH, signInPage } from './sign-in-page.js'

export const HOME_PATH = '/app/UserHome'

/** GET /login/login.htm?fromURI=: a browser that is signed in already goes straight on. */
export function showSignIn(org: OrgParts, ask: Ask): Answer {
  const given = ask.query.get('fromURI')
  const target = returnTarget(org, given)
  if (given && target === undefined) return untrustedTarget()
  const session = org.sessions.byCookies(readSessionCookies(ask.headers.cookie))
  if (session?.status === 'ACTIVE') return redirectAnswer(302, target ?? org.url + HOME_PATH)
  return signInPage(org, { status: 200, fromUri: target ?? '' })
}

/** POST /login/login.htm */
export async function submitSignIn(org: OrgParts, ask: Ask): Promise<Answer> {
  const form = await readForm(ask)
  const given = form?.get('fromURI') ?? null
  const target = returnTarget(org, given)
  if (given && target === undefined) return untrustedTarget()
  const login = form?.get('username') ?? ''
  const user = org.users.authenticate(login, form?.get('password') ?? '')
  if (user === undefined) {
    const problem = 'Unable to sign in: wrong username or password.'
    return signInPage(org, { status: 401, fromUri: target ?? '', login, problem })
  }
  return goOn(org, { user, proof: PASSWORD_ONLY }, 303, target ?? org.url + HOME_PATH)
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

/** GET /login/signout?fromURI= */
export function signOut(org: OrgParts, ask: Ask): Answer {
  const sessions = org.sessions.allByCookies(readSessionCookies(ask.headers.cookie))
  for (const session of sessions) org.sessions.end(session)
  const target = returnTarget(org, ask.query.get('fromURI')) ?? org.url + SIGN_IN_PATH
  return redirectAnswer(302, target, expiredCookies(org.engine))
}

/** GET /app/UserHome: where a sign-in without a way back ends. */
export function showHome(org: OrgParts, ask: Ask): Answer {
  const session = org.sessions.byCookies(readSessionCookies(ask.headers.cookie))
  if (session === undefined) return redirectAnswer(302, org.url + SIGN_IN_PATH)
  const body = html`<main>
<h1>Signed in</h1>
<div class="card">
<p>You are <code>${session.user.login}</code>.</p>
<p><a href="/login/signout">Sign out</a></p>
</div>
</main>`
  return pageAnswer({ status: 200, title: 'Signed in', body })
}

function goOn(org: OrgParts, signedIn: SignedIn, status: 302 | 303, target: string): Answer {
  const session = org.sessions.create(signedIn.user, signedIn.proof)
  return redirectAnswer(status, target, signInCookies(org.engine, org.sessions, session))
}

function untrustedTarget(): Answer {
  const body = html`<main>
<h1>Not a trusted address</h1>
<div class="card"><p class="alert" role="alert">The address to go to afterwards is neither on this
machine nor one of the org's trusted origins.</p></div>
</main>`
  return pageAnswer({ status: 400, title: 'Not a trusted address', body })
}
