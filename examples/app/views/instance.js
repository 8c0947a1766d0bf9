/** The panel that says which instance answered, for an example that runs as several. */
import { html } from './html.js'
import { facts } from './session-facts.js'

/**
 * @typedef {object} InstanceView
 * @property {string} name
 * @property {number} processId
 * @property {import('express-okta-session').ActiveContext['source'] | undefined} source Undefined without a session.
 * @property {import('express-okta-session').StoreStats['state'] | undefined} storeState
 * @property {number | undefined} alive
 * @property {readonly import('../instances.js').Instance[]} others
 */

/**
 * @param {InstanceView} instance
 * @param {string} path The page in view, to which the links lead at the other instances.
 */
export function instancePanel({ name, processId, source, storeState, alive, others }, path) {
  return html`<aside aria-label="Instance">
${facts([
  ['Answered by', `${name} (process ${processId})`],
  ['Session from', source === undefined ? 'no session' : sources[source]],
  ['Store', storeState],
  ['Instances alive', alive],
  ['The same page at', others.length === 0 ? 'no other instance' : links(others, path)],
])}
</aside>`
}

/**
 * @param {InstanceView['others']} others
 * @param {string} path
 */
function links(others, path) {
  return others.map(({ name, url }) => html`<a href="${url}${path}">${name}</a> `)
}

const sources = {
  memory: 'memory (cached in this instance)',
  shared: 'shared (cached in Redis by another instance)',
  okta: 'okta (looked up for this request)',
  stale: 'stale (cached, and older than its time to live)',
}
