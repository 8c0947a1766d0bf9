/** What each part of the app asks of a session: for proxy.js, and for the pages themselves. */

/** @type {Readonly<Record<string, import('express-okta-session').SessionRule | undefined>>} */
export const rules = { '/account': undefined, '/admin': { mfa: true } }

/**
 * The rule of the part that a path lies in.
 * @param {string} path
 */
export function ruleOf(path) {
  const part = Object.keys(rules).find((name) => path === name || path.startsWith(`${name}/`))
  return part === undefined ? undefined : rules[part]
}
