/** The admin page, which requires a recent second factor. */
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
<p class="lead">This page requires a second factor in the last 15 minutes, which your session has.</p>
${facts([
  ['Signed in as', session.login],
  ['How', methods(session.amr)],
  ['Second factor given', time(session.lastFactorVerification)],
])}
<h2>This app and Okta</h2>
${facts([
  ['Requests answered from the cache', stats.hits],
  ['Requests that needed a lookup', stats.misses],
  ['Calls to Okta', stats.calls],
  ['Cached sessions', stats.sessions],
])}`,
    { script: '/local-time.js' },
  )
}
