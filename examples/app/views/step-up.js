/** The step-up pages: sign out and in again, because an org does not prompt a browser that has a session. */
import { html } from './html.js'
import { layout } from './layout.js'

/** @param {import('./layout.js').View} view */
export function stepUpPage(view) {
  return layout(
    view,
    'A second factor is needed',
    html`
<p class="lead">This page requires a second factor in the last 15 minutes.</p>
<p>“Sign in again” ends your session, starts a new one, and returns to this page.</p>
<form method="post" action="/sign-out">
<input type="hidden" name="returnTo" value="/continue?to=${view.path}">
<button class="button">Sign in again</button>
</form>`,
  )
}

/**
 * Redirects at once, with a meta refresh. helmet's default policy, `form-action 'self'`, stops a form's
 * redirect to another origin, such as the org's sign-in page; it does not stop a page's.
 *
 * @param {import('./layout.js').View} view
 * @param {string} path
 */
export function continuePage(view, path) {
  return layout(
    view,
    'One moment',
    html`<p class="lead"><a href="${path}">Continue to sign-in</a></p>`,
    {
      goTo: path,
    },
  )
}
