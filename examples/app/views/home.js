/** The public page: everybody sees it, and it knows who looks. */
import { html } from './html.js'
import { layout } from './layout.js'

/** @param {import('./layout.js').View} view */
export function homePage(view) {
  return layout(
    view,
    'Welcome',
    html`
${view.signedOut && view.login === undefined && html`<p role="status" class="note">You are signed out.</p>`}
<p class="lead">${greeting(view)}</p>
<ul class="cards">
<li><a href="/account">Account</a> <span>for everybody who is signed in: who, since when, how, and until when.</span></li>
<li><a href="/admin">Admin</a> <span>for those who gave a second factor in the last quarter of an hour.</span></li>
</ul>`,
  )
}

/** @param {import('./layout.js').View} view */
function greeting({ login, unavailable }) {
  if (login !== undefined) return html`Good to see you, <strong>${login}</strong>.`
  if (unavailable)
    return 'Okta can’t be asked right now, so we don’t know whether you are signed in.'
  return 'Nobody is signed in. This page is public; the others are not.'
}
