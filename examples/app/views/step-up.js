/**
 * The step-up pages. A local org adds a second factor to a live session on a page of its own. Okta does not prompt
 * a browser that has a session: there the user signs out and in again.
 */
import { html } from './html.js'
import { layout } from './layout.js'

/**
 * @param {import('./layout.js').View} view
 * @param {string} [orgPage] The org's page for it.
 */
export function stepUpPage(view, orgPage) {
  return layout(
    view,
    'A second factor is needed',
    html`
<p class="warning">This page requires a second factor in the last 15 minutes, which your session does not have.</p>
${orgPage === undefined ? signInAgain(view) : atTheOrg(orgPage)}`,
  )
}

/** @param {string} url */
function atTheOrg(url) {
  return html`<p>The org asks you for a passcode, which its page shows, and sends you back here. Your session stays the same.</p>
<p><a class="button" href="${url}">Give a passcode</a></p>`
}

/** @param {import('./layout.js').View} view */
function signInAgain(view) {
  return html`<p>“Sign in again” ends your session, starts a new one, and returns to this page.</p>
<form method="post" action="/sign-out">
<input type="hidden" name="returnTo" value="/continue?to=${view.path}">
<button class="button">Sign in again</button>
</form>`
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
