/** The part of the console that shows the receivers of pushes and the last deliveries. */
import type { Delivery, PushKind } from '../pushes/courier.js'
import type { ConsoleState } from './console-state.js'
import { html, type Markup, toTime } from './page.js'

const PUSHES_SHOWN = 12

const KINDS: Readonly<Record<PushKind, string>> = {
  event_hook: 'Event hook',
  security_event: 'Security Event Token',
  universal_logout: 'Universal Logout',
}

export function pushesCard({ receivers, pushes }: ConsoleState): Markup {
  const registered = receivers.map(
    ({ kind, url, verified }) =>
      html`<li>${KINDS[kind]}: <code>${url}</code>${!verified && html` <span class="muted">(not verified)</span>`}</li>`,
  )
  const rows = pushes.slice(0, PUSHES_SHOWN).map(row)
  return html`<section class="card" aria-labelledby="pushes">
<h2 id="pushes">Pushes</h2>
${registered.length > 0 ? html`<ul>${registered}</ul>` : html`<p class="muted">No receiver is registered.</p>`}
<table><caption>The last deliveries</caption>
<thead><tr><th scope="col">Time</th><th scope="col">Kind</th><th scope="col">Events</th><th scope="col">URL</th>
<th scope="col">Answer</th><th scope="col" class="number">Attempts</th></tr></thead>
<tbody>${rows.length > 0 ? rows : html`<tr><td colspan="6" class="muted">None yet.</td></tr>`}</tbody></table>
</section>`
}

function row({ at, kind, events = [], url, status, error, attempts }: Delivery): Markup {
  return html`<tr><td>${toTime(new Date(at).toISOString())}</td><td>${KINDS[kind]}</td>
<td>${events.map(shortName).join(', ')}</td><td><code>${url}</code></td>
<td>${status ?? error ?? ''}</td><td class="number">${attempts}</td></tr>`
}

/** Without the URI in front of the type of a Security Event Token. */
function shortName(type: string): string {
  return type.slice(type.lastIndexOf('/') + 1)
}
