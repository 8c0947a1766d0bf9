/** The admin page: for a second factor given a short while ago. */
import { html } from './html.js'
import { layout } from './layout.js'
import { facts, methods, time } from './session-facts.js'

/**
 * @param {import('./layout.js').View} view
 * @param {import('express-okta-session').Session} session
 * @param {import('express-okta-session').OktaSessionStats} stats
 */
export function adminPage(view, session, stats) {
  return layout(
    view,
    'Admin',
    html`
<p class="lead">Open to you because you gave a second factor in the last quarter of an hour.</p>
${facts([
  ['Signed in as', session.login],
  ['How', methods(session.amr)],
  ['Second factor given', time(session.lastFactorVerification)],
])}
<h2>This app and Okta</h2>
${facts([
  ['Requests answered from memory', stats.hits],
  ['Requests that had to ask Okta', stats.misses],
  ['Calls to Okta', stats.calls],
  ['Sessions in memory', stats.sessions],
])}`,
    { script: '/local-time.js' },
  )
}
