/** The account page: the user, the sign-in, and the end of the session. */
import { html } from './html.js'
import { layout } from './layout.js'
import { facts, methods, time } from './session-facts.js'

/**
 * @typedef {object} Freshness
 * @property {import('express-okta-session').ActiveContext['source']} source Where the session came from.
 * @property {number} askedAt When Okta was last asked, epoch milliseconds.
 * @property {number} ttlMs For how long its answer is served without another question.
 * @property {boolean} hasHook Whether Okta tells the app when a session ends.
 */

/**
 * @param {import('./layout.js').View} view
 * @param {import('express-okta-session').Session} session
 * @param {Freshness} freshness
 */
export function accountPage(view, session, freshness) {
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
<p id="session-warning" role="alert" class="warning"></p>
<p id="clock" class="note"></p>
<p><button type="button" id="extend" class="button" hidden>Stay signed in</button></p>
<p id="session-status" role="status" class="note"></p>
</section>
${knowledge(freshness)}`,
    { script: '/session.js' },
  )
}

/** What this app knows of the session, and since when. @param {Freshness} freshness */
function knowledge({ source, askedAt, ttlMs, hasHook }) {
  const askedAgoMs = Math.max(0, Date.now() - askedAt)
  const asksInMs = Math.max(0, ttlMs - askedAgoMs)
  return html`<section aria-labelledby="known">
<h2 id="known">What this app knows</h2>
<p>Okta was asked about this session <span id="asked-ago">${inSeconds(askedAgoMs)}</span> before this page was made: ${sources[source]}.
<span id="asks-again" data-in-ms="${asksInMs}" data-ttl-ms="${ttlMs}">Requests within the next ${inSeconds(asksInMs)} are answered without asking again.</span></p>
<p class="quiet">${hasHook ? WITH_HOOK : WITHOUT_HOOK}</p>
</section>`
}

const WITH_HOOK =
  'When the session is ended at Okta, Okta tells this app, and this page says so at once: try “Revoke” in the org’s console.'
const WITHOUT_HOOK =
  'This app has no event hook: a session that is ended at Okta still shows here until Okta is asked again.'

const sources = {
  okta: 'for this very request',
  memory: 'the answer was in memory',
  shared: 'another instance has shared the answer',
  stale: 'the answer is older than it should be, since Okta can’t be asked now',
}

/** @param {number} ms */
function inSeconds(ms) {
  const seconds = Math.round(ms / 1_000)
  return `${seconds} second${seconds === 1 ? '' : 's'}`
}
