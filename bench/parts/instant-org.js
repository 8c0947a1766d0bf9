/** An Okta that is reached without a network: its answers are read as if an exchange had returned them. */
import { sessionAnswer } from './package.js'
import { sessionJson } from './tiny-org.js'

/**
 * @typedef {import('../../dist/okta/connect.js').Org} Org
 * @typedef {import('../../dist/okta/exchange.js').HttpAnswer} HttpAnswer
 * @typedef {import('../../dist/contracts.js').Credential} Credential
 */

/**
 * What composeOktaSession() takes as `connect`. Only lookups are made by the benchmarks.
 * @param {(credential: Credential) => Promise<HttpAnswer>} answer What Okta answers.
 * @returns {() => Org}
 */
export function orgThatAnswers(answer) {
  const never = () => Promise.reject(new Error('no benchmark makes this call'))
  return () => ({
    api: /** @type {Org['api']} */ (/** @type {unknown} */ (undefined)),
    fetchSession: async (credential) =>
      sessionAnswer('getCurrentSession', await answer(credential)),
    refreshSession: never,
    closeSession: never,
    createSession: never,
    close: async () => {},
  })
}

/** Knows every cookie, and answers at once. */
export const instantOrg = orgThatAnswers(async ({ value }) => ({
  kind: 'answered',
  status: 200,
  headers: new Map([['content-type', ['application/json']]]),
  body: Buffer.from(sessionJson(value)),
}))
