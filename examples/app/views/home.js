/** The public home page, which greets a user who is signed in. */
import { html } from './html.js'
import { layout } from './layout.js'

/** @param {import('./layout.js').View} view */
export function homePage(view) {
  return layout(
    view,
    'Welcome',
    html`
${view.signedOut && view.login === undefined && html`<p role="status" class="note">You are signed out.</p>`}
<p class="${view.unavailable ? 'warning' : 'lead'}">${greeting(view)}</p>
<ul class="cards">
<li><a href="/account">Account</a> <span>requires a session: shows the user, the sign-in and when the session ends.</span></li>
<li><a href="/admin">Admin</a> <span>requires a second factor in the last 15 minutes.</span></li>
</ul>`,
  )
}

/** @param {import('./layout.js').View} view */
function greeting({ login, unavailable }) {
  if (login !== undefined) return html`Good to see you, <strong>${login}</strong>.`
  if (unavailable)
    return 'Okta is not available right now, so we don’t know whether you are signed in.'
  return 'You are not signed in. This page is public; the others are not.'
}
