/** Where a page may lead whose address says where: to another page of this app, never to another host. */

/**
 * @param {unknown} path From a form or a query: anything.
 * @returns {string} The path, or the way home.
 */
export function ownPath(path) {
  return typeof path === 'string' && /^\/[a-z-]*$/.test(path) ? path : '/'
}
