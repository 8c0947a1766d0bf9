/** The account page: the user, the sign-in, and the end of the session. */
import { html } from './html.js'
import { layout } from './layout.js'
import { facts, methods, time } from './session-facts.js'

/**
 * @param {import('./layout.js').View} view
 * @param {import('express-okta-session').Session} session
 */
export function accountPage(view, session) {
  return layout(
    view,
    'Your account',
    html`
${facts([
  ['Signed in as', session.login],
  ['User id', html`<code>${session.userId}</code>`],
  ['Since', time(session.createdAt)],
  ['How', methods(session.amr)],
  ['Password given', time(session.lastPasswordVerification)],
  ['Second factor given', time(session.lastFactorVerification)],
])}
<section aria-labelledby="ends">
<h2 id="ends">When it ends</h2>
<p>Without activity your session ends at ${time(session.expiresAt, 'expires-at')}. Using this page extends it.</p>
<p class="countdown"><span id="countdown" role="timer" aria-label="Time left"></span></p>
<p><button type="button" id="extend" class="button" hidden>Stay signed in</button></p>
<p id="session-status" role="status" class="note"></p>
</section>`,
    { script: '/session.js' },
  )
}
