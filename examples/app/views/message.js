/** A page with a single message. */
import { html } from './html.js'
import { layout } from './layout.js'

/**
 * @param {import('./layout.js').View} view
 * @param {string} title
 * @param {string} text
 */
export function messagePage(view, title, text) {
  return layout(view, title, html`<p class="lead">${text}</p>`)
}
