/** Sign-out in the browser, and the org's home page. */
import { type Answer, jsonAnswer, redirectAnswer } from '../http/answer.js'
import type { OrgRequest } from '../http/request.js'
import { signOutOf } from '../org/org-actions.js'
import type { OrgParts } from '../org/org-parts.js'
import { expiredCookies, readSessionCookies } from '../org/session-cookies.js'
import { CONSOLE_PATH } from './console-page.js'
import { isCrossSiteSubresource } from './cross-site-subresource.js'
import { html, pageAnswer } from './page.js'
import { returnTarget } from './return-target.js'
import { SIGN_IN_PATH } from './sign-in-page.js'
import { STEP_UP_PATH } from './step-up.js'

/** GET /login/signout?fromURI= */
export function signOut(org: OrgParts, request: OrgRequest): Answer {
  if (isCrossSiteSubresource(request)) {
    return jsonAnswer(403, {
      error: 'A page of another site may link to this URL, but not embed it',
    })
  }
  const sessions = org.sessions.allByCookies(readSessionCookies(request.headers.cookie))
  for (const session of sessions) signOutOf(org, session)
  const target = returnTarget(org, request.query.get('fromURI')) ?? org.url + SIGN_IN_PATH
  return redirectAnswer(302, target, expiredCookies(org.engine))
}

/** GET /app/UserHome: the page after a sign-in without `fromURI`. */
export function showHome(org: OrgParts, request: OrgRequest): Answer {
  const session = org.sessions.byCookies(readSessionCookies(request.headers.cookie))
  if (session === undefined) return redirectAnswer(302, org.url + SIGN_IN_PATH)
  const body = html`<main>
<h1>Signed in</h1>
<div class="card">
<p>You are <code>${session.user.login}</code>, by ${session.amr.join(', ')}.</p>
<ul>
<li><a href="${STEP_UP_PATH}">Make this session stronger with a passcode</a></li>
<li><a href="/login/signout">Sign out</a></li>
<li><a href="${CONSOLE_PATH}">The org's console</a></li>
</ul>
</div>
</main>`
  return pageAnswer({ status: 200, title: 'Signed in', body })
}
