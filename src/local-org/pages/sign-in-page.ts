/** The HTML of the sign-in pages: the password form and the passcode form. */
import type { Answer } from '../http/answer.js'
import type { OrgParts } from '../org/org-parts.js'
import { currentPassCode } from '../org/second-factor.js'
import type { LocalUser } from '../org/users.js'
import { html, type Markup, pageAnswer } from './page.js'

export interface SignInForm {
  readonly status: number
  /** The URL to return to. */
  readonly fromUri: string
  readonly login?: string
  readonly problem?: string
}

export interface PasscodeForm {
  readonly status: number
  readonly fromUri: string
  readonly user: LocalUser
  /** Why a passcode is required. */
  readonly reason: string
  /** The form's action. */
  readonly action: string
  /** The token of a sign-in that waits for its second factor; a step-up uses the session's cookie instead. */
  readonly stateToken?: string
  readonly problem?: string
}

export const SIGN_IN_PATH = '/login/login.htm'

/** On the first field that is empty: after a wrong password that is the password. */
const AUTOFOCUS = html` autofocus`

export function signInPage(org: OrgParts, form: SignInForm): Answer {
  const { login = '', problem } = form
  const body = html`<main>
<h1>Sign in</h1>
<div class="card">
${alert(problem)}
<form method="post" action="${SIGN_IN_PATH}">
<input type="hidden" name="fromURI" value="${form.fromUri}">
<label for="username">Username</label>
<input id="username" name="username" type="text" value="${login}" autocomplete="username"
  autocapitalize="none" spellcheck="false" required${login === '' && AUTOFOCUS}${described(problem)}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required${login !== '' && AUTOFOCUS}${described(problem)}>
<button type="submit">Sign in</button>
</form>
</div>
${seededUsers(org)}
</main>`
  return pageAnswer({ status: form.status, title: 'Sign in', body })
}

export function passcodePage(org: OrgParts, form: PasscodeForm): Answer {
  const { user, stateToken, problem } = form
  const body = html`<main>
<h1>Enter your passcode</h1>
<div class="card">
<p>${form.reason}</p>
${alert(problem)}
<form method="post" action="${form.action}">
<input type="hidden" name="fromURI" value="${form.fromUri}">
${stateToken !== undefined && html`<input type="hidden" name="stateToken" value="${stateToken}">`}
<label for="passCode">Passcode for ${user.login}</label>
<input id="passCode" name="passCode" type="text" inputmode="numeric" autocomplete="one-time-code"
  pattern="[0-9]{6}" title="six digits" required autofocus${described(problem)}>
<button type="submit">Verify</button>
</form>
</div>
<section class="card" aria-labelledby="app">
<h2 id="app">The authenticator app shows</h2>
<p class="shown"><code id="shown">${currentPassCode(org, user)}</code></p>
<p class="muted">This local org also simulates the authenticator app of ${user.login}. A passcode is new every
30 seconds, and the previous one stays valid for another 30.</p>
</section>
</main>`
  return pageAnswer({ status: form.status, title: 'Enter your passcode', body })
}

function alert(problem: string | undefined): Markup | false {
  return problem !== undefined && html`<p class="alert" id="problem" role="alert">${problem}</p>`
}

function described(problem: string | undefined): Markup | false {
  return problem !== undefined && html` aria-invalid="true" aria-describedby="problem"`
}

function seededUsers(org: OrgParts): Markup {
  const rows = org.users.all.map(
    ({ login, password, mfa }) =>
      html`<tr><td><code>${login}</code></td><td><code>${password}</code>${mfa && html`<br>and a passcode`}</td></tr>`,
  )
  return html`<section class="card" aria-labelledby="users">
<h2 id="users">Users of this org</h2>
<p class="muted">This is a local org for development. It stands in for Okta, and its passwords are not secret.</p>
<table><thead><tr><th scope="col">Username</th><th scope="col">Password</th></tr></thead>
<tbody>${rows}</tbody></table>
</section>`
}
