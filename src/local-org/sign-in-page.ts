/** The sign-in page as a person sees it. */
import type { Answer } from './answer.js'
import type { OrgParts } from './org-parts.js'
import { html, pageAnswer } from './page.js'

export interface SignInForm {
  readonly status: number
  /** Where to go afterwards; empty for the org's own home page. */
  readonly fromUri: string
  readonly login?: string
  readonly problem?: string
}

export const SIGN_IN_PATH = '/login/login.htm'

export function signInPage(org: OrgParts, form: SignInForm): Answer {
  const { fromUri, login = '', problem } = form
  const describedBy = problem !== undefined && html` aria-describedby="problem"`
  const body = html`<main>
<h1>Sign in</h1>
<div class="card">
${problem !== undefined && html`<p class="alert" id="problem" role="alert">${problem}</p>`}
<form method="post" action="${SIGN_IN_PATH}">
<input type="hidden" name="fromURI" value="${fromUri}">
<label for="username">Username</label>
<input id="username" name="username" type="text" value="${login}" autocomplete="username"
  autocapitalize="none" spellcheck="false" required autofocus${describedBy}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required${describedBy}>
<button type="submit">Sign in</button>
</form>
</div>
${seededUsers(org)}
</main>`
  return pageAnswer({ status: form.status, title: 'Sign in', body })
}

function seededUsers(org: OrgParts) {
  const rows = org.users.all.map(
    (user) => html`<li><code>${user.login}</code> with <code>${user.password}</code></li>`,
  )
  return html`<section class="card" aria-labelledby="users">
<h2 id="users">Who can sign in here</h2>
<p class="muted">This is a local org for development. These are its users and their passwords.</p>
<ul>${rows}</ul>
</section>`
}
