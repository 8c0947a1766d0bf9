/** Validates a path from a query or a form, so that a redirect stays within this app. */

/**
 * @param {unknown} path Untrusted: from a form or a query.
 * @returns {string} The path, or `/` when it is not a path of this app.
 */
export function ownPath(path) {
  return typeof path === 'string' && /^\/[a-z-]*$/.test(path) ? path : '/'
}
