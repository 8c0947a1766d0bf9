/** HTML as tagged templates: escapes interpolated values, except those that are HTML already. */

export class Html {
  /** @param {string} text */
  constructor(text) {
    this.text = text
  }

  toString() {
    return this.text
  }
}

/**
 * @param {TemplateStringsArray} strings
 * @param {unknown[]} values Html, text, or a list of them; undefined, null and false render as nothing.
 */
export function html(strings, ...values) {
  return new Html(String.raw({ raw: strings }, ...values.map(render)))
}

/**
 * @param {unknown} value
 * @returns {string}
 */
function render(value) {
  if (value === undefined || value === null || value === false) return ''
  if (value instanceof Html) return value.text
  if (Array.isArray(value)) return value.map(render).join('')
  return escapeText(String(value))
}

/** @type {Record<string, string>} */
const entities = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** @param {string} text */
function escapeText(text) {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? '')
}
