/** The part of the console that shows the receivers of pushes and the last deliveries. */
import type { Delivery, PushKind } from '../pushes/courier.js'
import type { ConsoleState } from './console-state.js'
import { html, type Markup, toTime } from './page.js'
import { table } from './table.js'

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
${table({
  caption: 'The last deliveries',
  columns: [
    ...['Time', 'Kind', 'Events', 'URL', 'Answer'].map((name) => ({ name })),
    { name: 'Attempts', isNumber: true },
  ],
  rows,
  none: 'None yet.',
})}
</section>`
}

function row({ at, kind, events = [], url, status, error, attempts }: Delivery) {
  return [
    toTime(new Date(at).toISOString()),
    KINDS[kind],
    events.map(shortName).join(', '),
    html`<code>${url}</code>`,
    status ?? error ?? '',
    attempts,
  ]
}

/** Without the URI in front of the type of a Security Event Token. */
function shortName(type: string): string {
  return type.slice(type.lastIndexOf('/') + 1)
}
