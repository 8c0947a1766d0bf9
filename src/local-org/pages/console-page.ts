/** The console page: users, live sessions, the last calls, faults, the clock, and pushes. */
import { PRESETS } from '../faults/presets.js'
import type { Answer } from '../http/answer.js'
import { CALL_NAMES } from '../org/calls.js'
import { callPlot } from './call-plot.js'
import type { ConsoleState } from './console-state.js'
import { html, type Markup, pageAnswer, toTime } from './page.js'
import { pushesCard } from './pushes-card.js'
import { SIGN_IN_PATH } from './sign-in-page.js'

export const CONSOLE_PATH = '/console'

const CALLS_SHOWN = 8

/** A live page reloads itself, and its forms redirect back to the live page. */
export type ConsoleMode = 'live' | 'still'

export function consolePage(state: ConsoleState, mode: ConsoleMode): Answer {
  const body = html`<main class="wide">
<h1>Local org</h1>
<p><code>${state.url}</code>, ${state.engine} engine. The org’s time is ${toTime(state.now)} UTC.
<a href="${SIGN_IN_PATH}">Sign in</a> · ${modeLink(mode)}</p>
<div class="columns">
${callsCard(state)}
${faultsCard(state, mode)}
${clockCard(mode)}
</div>
${sessionsCard(state, mode)}
${usersCard(state, mode)}
${pushesCard(state)}
</main>`
  return pageAnswer({
    status: 200,
    title: 'Console',
    body,
    ...(mode === 'live' && { reloadSeconds: 2 }),
  })
}

function modeLink(mode: ConsoleMode): Markup {
  return mode === 'live'
    ? html`<a href="${CONSOLE_PATH}">Stop reloading</a>`
    : html`<a href="${CONSOLE_PATH}?live">Reload every 2 seconds</a>`
}

function callsCard(state: ConsoleState): Markup {
  const rows = state.recentCalls.slice(0, CALLS_SHOWN).map(
    (call) => html`<tr><td>${toTime(new Date(call.at).toISOString())}</td>
<td>${call.call}</td><td>${call.status ?? 'no answer'}</td>
<td class="number">${call.durationMs.toFixed(1)}</td><td>${call.fault ?? ''}</td></tr>`,
  )
  return html`<section class="card" aria-labelledby="calls">
<h2 id="calls">Calls a second</h2>
${callPlot(state.callsPerSecond)}
<table><caption>The last calls</caption>
<thead><tr><th scope="col">Time</th><th scope="col">Operation</th><th scope="col">Status</th>
<th scope="col" class="number">ms</th><th scope="col">Fault</th></tr></thead>
<tbody>${rows.length > 0 ? rows : html`<tr><td colspan="5" class="muted">None yet.</td></tr>`}</tbody></table>
</section>`
}

function sessionsCard(state: ConsoleState, mode: ConsoleMode): Markup {
  const rows = state.sessions.map(
    ({ id, login, userId, status, amr, createdAt, expiresAt }) => html`<tr>
<td>${login}</td><td><code>${id}</code></td><td>${status}</td><td>${amr.join(', ')}</td>
<td>${toTime(createdAt)}</td><td>${toTime(expiresAt)}</td>
<td>${button('revoke', 'Revoke', `the session ${id} of ${login}`, { session: id }, mode)}
${button('suspend', 'Suspend', login, { userId }, mode)}</td></tr>`,
  )
  const shown = state.sessionCount > rows.length && html` The newest ${rows.length} are shown.`
  return html`<section class="card" aria-labelledby="sessions">
<h2 id="sessions">Live sessions</h2>
<table><caption>${state.sessionCount} in all.${shown}</caption>
<thead><tr><th scope="col">Login</th><th scope="col">Id</th><th scope="col">Status</th><th scope="col">amr</th>
<th scope="col">Since</th><th scope="col">Until</th><th scope="col">Do</th></tr></thead>
<tbody>${rows.length > 0 ? rows : html`<tr><td colspan="7" class="muted">No user is signed in.</td></tr>`}</tbody></table>
</section>`
}

function faultsCard(state: ConsoleState, mode: ConsoleMode): Markup {
  const active = state.faults.map(
    ({ id, fault, operation, timesLeft }) => html`<li><code>${JSON.stringify(fault)}</code>
for ${operation ?? 'every operation'}, ${timesLeft === undefined ? 'until stopped' : html`${timesLeft} more`}
${button('stop', 'Stop', `fault ${id}`, { id: String(id) }, mode)}</li>`,
  )
  const faults = PRESETS.map(
    ({ label, fault }) => html`<option value="${JSON.stringify(fault)}">${label}</option>`,
  )
  const operations = CALL_NAMES.map((name) => html`<option>${name}</option>`)
  return html`<section class="card" aria-labelledby="faults">
<h2 id="faults">Faults</h2>
${active.length > 0 ? html`<ul>${active}</ul>` : html`<p class="muted">None is switched on.</p>`}
<form method="post" action="${CONSOLE_PATH}/fail" class="row">${keepMode(mode)}
<p><label for="fault">Fault</label><select id="fault" name="fault">${faults}</select></p>
<p><label for="operation">Operation</label><select id="operation" name="operation">
<option value="">every one</option>${operations}</select></p>
<p><label for="times">How often</label><select id="times" name="times">
<option value="1">once</option><option value="5">5 times</option><option value="50">50 times</option>
<option value="">until stopped</option></select></p>
<p><button type="submit">Switch on</button></p>
</form>
</section>`
}

function usersCard(state: ConsoleState, mode: ConsoleMode): Markup {
  const rows = state.users.map((user) => {
    const { login, password, userId, passCode, asksForPassCode, isSuspended } = user
    const [action, label] = isSuspended ? ['unsuspend', 'Unsuspend'] : ['suspend', 'Suspend']
    return html`<tr><td>${login}</td><td><code>${password}</code></td>
<td><code>${passCode}</code>${!asksForPassCode && html` <span class="muted">(for step-up)</span>`}</td>
<td><code>${userId}</code></td><td>${button(action, label, login, { userId }, mode)}
${button('end-everywhere', 'End everywhere', `the sessions of ${login}`, { userId }, mode)}</td></tr>`
  })
  return html`<section class="card" aria-labelledby="users">
<h2 id="users">Users</h2>
<table><caption>The users of this org, and the current passcodes of their authenticator apps</caption>
<thead><tr><th scope="col">Login</th><th scope="col">Password</th><th scope="col">Passcode</th>
<th scope="col">Id</th><th scope="col">Do</th></tr></thead>
<tbody>${rows}</tbody></table>
</section>`
}

function clockCard(mode: ConsoleMode): Markup {
  return html`<section class="card" aria-labelledby="clock">
<h2 id="clock">Clock</h2>
<form method="post" action="${CONSOLE_PATH}/advance" class="row">${keepMode(mode)}
<p><label for="minutes">Minutes to move it forward</label>
<input id="minutes" name="minutes" type="number" min="0" step="any" value="30" required></p>
<p><button type="submit">Advance</button></p>
</form>
</section>`
}

/** `of` completes the accessible name, so that screen readers tell the buttons of a column apart. */
function button(
  action: string,
  label: string,
  of: string,
  fields: Readonly<Record<string, string>>,
  mode: ConsoleMode,
): Markup {
  const hidden = Object.entries(fields).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  )
  return html`<form method="post" action="${CONSOLE_PATH}/${action}" class="inline">${keepMode(mode)}${hidden}
<button type="submit" aria-label="${label} ${of}">${label}</button></form>`
}

function keepMode(mode: ConsoleMode): Markup | false {
  return mode === 'live' && html`<input type="hidden" name="live" value="">`
}
