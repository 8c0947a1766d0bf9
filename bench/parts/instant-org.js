/** An org without a network: it replaces the HTTP exchange, and the package interprets its answers as usual. */
import { readHookEvents, sessionAnswer } from './package.js'
import { sessionJson } from './tiny-org.js'

/**
 * @typedef {import('../../dist/okta/connect.js').Org} Org
 * @typedef {import('../../dist/okta/exchange.js').HttpAnswer} HttpAnswer
 * @typedef {import('../../dist/contracts.js').Credential} Credential
 */

/**
 * Makes the `connect` option of composeOktaSession(). Supports lookups and event hooks, all that the benchmarks need.
 * @param {(credential: Credential) => Promise<HttpAnswer>} answer Answers one exchange.
 * @returns {() => Org}
 */
export function orgThatAnswers(answer) {
  const unsupported = () => Promise.reject(new Error('the benchmarks make lookups alone'))
  return () => ({
    api: /** @type {Org['api']} */ (/** @type {unknown} */ (undefined)),
    fetchSession: async (credential) =>
      sessionAnswer('getCurrentSession', await answer(credential)),
    refreshSession: unsupported,
    closeSession: unsupported,
    createSession: unsupported,
    check: unsupported,
    pushes: /** @type {Org['pushes']} */ (/** @type {unknown} */ ({ hookEvents: readHookEvents })),
    close: async () => {},
  })
}

/** Answers at once, with an active session for every cookie. */
export const instantOrg = orgThatAnswers(async ({ value }) => ({
  kind: 'answered',
  status: 200,
  headers: new Map([['content-type', ['application/json']]]),
  body: Buffer.from(sessionJson(value)),
}))
