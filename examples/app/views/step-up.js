/** Asks for a new sign-in: an org does not ask a browser again that has a session already. */
import { html } from './html.js'
import { layout } from './layout.js'

/** @param {import('./layout.js').View} view */
export function stepUpPage(view) {
  return layout(
    view,
    'A second factor is needed',
    html`
<p class="lead">This page is for those who gave a second factor in the last quarter of an hour.</p>
<p>Signing in again ends your session and begins a new one, then brings you back here.</p>
<form method="post" action="/sign-out">
<input type="hidden" name="returnTo" value="/continue?to=${view.path}">
<button class="button">Sign in again</button>
</form>`,
  )
}

/**
 * Goes on at once. A form's answer may not lead to another origin, which is where the org's sign-in page
 * may be: helmet's policy says `form-action 'self'`. A page may.
 *
 * @param {import('./layout.js').View} view
 * @param {string} path
 */
export function continuePage(view, path) {
  return layout(
    view,
    'One moment',
    html`<p class="lead"><a href="${path}">Go on to sign in</a></p>`,
    {
      goTo: path,
    },
  )
}
