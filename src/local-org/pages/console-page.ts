/** The console page: users, live sessions, the last calls, faults, the clock, and pushes. */
import type { Fault } from '../faults/fault.js'
import { PRESETS } from '../faults/presets.js'
import type { Answer } from '../http/answer.js'
import { CALL_NAMES } from '../org/calls.js'
import { callPlot } from './call-plot.js'
import type { ConsoleState } from './console-state.js'
import { LIVE_SCRIPT } from './live-update.js'
import type { Notice } from './notices.js'
import { html, type Markup, pageAnswer, toTime } from './page.js'
import { pushesCard } from './pushes-card.js'
import { SIGN_IN_PATH } from './sign-in-page.js'
import { table } from './table.js'

export const CONSOLE_PATH = '/console'

const CALLS_SHOWN = 8

/** A live page updates itself, and its forms redirect back to the live page. */
export type ConsoleMode = 'live' | 'still'

/** `notice` says what the last action has done, or why it has not. */
export function consolePage(
  state: ConsoleState,
  mode: ConsoleMode,
  { notice, status = 200 }: { readonly notice?: Notice | undefined; readonly status?: number } = {},
): Answer {
  const body = html`<main class="wide">
<h1>Local org</h1>
${notice !== undefined && noticeOf(notice)}
<p id="org"><code>${state.url}</code>, ${state.engine} engine. The org’s time is ${toTime(state.now)} UTC.
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
    status,
    title: 'Console',
    body,
    ...(mode === 'live' && { reloadSeconds: 2, script: LIVE_SCRIPT }),
  })
}

function noticeOf({ kind, text }: Notice): Markup {
  return kind === 'done'
    ? html`<p class="done" role="status">${text}</p>`
    : html`<p class="alert" role="alert">${text}</p>`
}

function modeLink(mode: ConsoleMode): Markup {
  return mode === 'live'
    ? html`<a href="${CONSOLE_PATH}">Stop updating</a>`
    : html`<a href="${CONSOLE_PATH}?live">Update every 2 seconds</a>`
}

function callsCard(state: ConsoleState): Markup {
  const rows = state.recentCalls
    .slice(0, CALLS_SHOWN)
    .map(({ at, call, status, durationMs, fault }) => [
      toTime(new Date(at).toISOString()),
      call,
      status ?? 'no answer',
      durationMs.toFixed(1),
      fault ?? '',
    ])
  return html`<section class="card" aria-labelledby="calls">
<h2 id="calls">Calls a second</h2>
${callPlot(state.callsPerSecond)}
${table({
  caption: 'The last calls',
  columns: [
    { name: 'Time' },
    { name: 'Operation' },
    { name: 'Status' },
    { name: 'ms', isNumber: true },
    { name: 'Fault' },
  ],
  rows,
  none: 'None yet.',
})}
</section>`
}

function sessionsCard(state: ConsoleState, mode: ConsoleMode): Markup {
  const rows = state.sessions.map(({ id, login, userId, status, amr, createdAt, expiresAt }) => [
    login,
    html`<code>${id}</code>`,
    status,
    amr.join(', '),
    toTime(createdAt),
    toTime(expiresAt),
    html`${button('revoke', 'Revoke', `the session ${id} of ${login}`, { session: id }, mode)}
${button('suspend', 'Suspend', login, { userId }, mode)}`,
  ])
  const shown = state.sessionCount > rows.length && html` The newest ${rows.length} are shown.`
  return html`<section class="card" aria-labelledby="sessions">
<h2 id="sessions">Live sessions</h2>
${table({
  caption: html`${state.sessionCount} in all.${shown}`,
  columns: ['Login', 'Id', 'Status', 'amr', 'Since', 'Until', 'Do'].map((name) => ({ name })),
  rows,
  none: 'No user is signed in.',
})}
</section>`
}

function faultsCard(state: ConsoleState, mode: ConsoleMode): Markup {
  const active = state.faults.map(
    ({ id, fault, operation, timesLeft }) => html`<li>${faultName(fault)}
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
    return [
      login,
      html`<code>${password}</code>`,
      html`<code>${passCode}</code>${!asksForPassCode && html` <span class="muted">(for step-up)</span>`}`,
      html`<code>${userId}</code>`,
      html`${button(action, label, login, { userId }, mode)}
${button('end-everywhere', 'End everywhere', `the sessions of ${login}`, { userId }, mode)}`,
    ]
  })
  return html`<section class="card" aria-labelledby="users">
<h2 id="users">Users</h2>
${table({
  caption: 'The users of this org, and the current passcodes of their authenticator apps',
  columns: ['Login', 'Password', 'Passcode', 'Id', 'Do'].map((name) => ({ name })),
  rows,
  none: 'There are none.',
})}
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

/** As the list of faults names it; as JSON where it is none of them. */
function faultName(fault: Fault): Markup {
  const json = JSON.stringify(fault)
  const preset = PRESETS.find((each) => JSON.stringify(each.fault) === json)
  return preset === undefined ? html`<code>${json}</code>` : html`<strong>${preset.label}</strong>`
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
