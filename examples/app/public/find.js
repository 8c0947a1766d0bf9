/** Finds an element that the page must have. */

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function find(id, type) {
  const element = document.getElementById(id)
  if (!(element instanceof type)) throw new TypeError(`This page has no ${type.name} #${id}`)
  return element
}
