/** The app's own sign-in form, for an org whose sign-in page is on another host. */
import { html } from './html.js'
import { layout } from './layout.js'

/**
 * @param {import('./layout.js').View} view
 * @param {string} orgUrl
 * @param {string} returnTo
 */
export function signInPage(view, orgUrl, returnTo) {
  // The script enables the buttons: without it the form would post the password to this app.
  return layout(
    view,
    'Sign in',
    html`
<p>Your browser sends the password directly to <strong>${new URL(orgUrl).host}</strong>; this app does not see it.</p>
<noscript><p class="note">This form needs JavaScript.</p></noscript>
<p id="problem" role="alert" class="note"></p>
<form id="password-form" method="post" action="/sign-in" data-org-url="${orgUrl}">
<p><label for="username">User name</label>
<input id="username" autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus></p>
<p><label for="password">Password</label>
<input id="password" type="password" autocomplete="current-password" required></p>
<p><button class="button" disabled>Sign in</button></p>
</form>
<form id="code-form" method="post" action="/sign-in" hidden>
<p><label for="code">Code from your authenticator app</label>
<input id="code" inputmode="numeric" autocomplete="one-time-code" required></p>
<p><button class="button" disabled>Continue</button></p>
</form>
<form id="token-form" method="post" action="/sign-in" hidden>
<input type="hidden" name="sessionToken">
<input type="hidden" name="returnTo" value="${returnTo}">
</form>`,
    { script: '/sign-in.js' },
  )
}
