/** An Okta that is reached without a network: the exchange is left out, and its answers are judged as if they had come over it. */
import { answerTo, sessionOutcome } from './package.js'
import { sessionJson } from './tiny-org.js'

/**
 * @typedef {import('../../dist/okta/connect.js').Org} Org
 * @typedef {import('../../dist/okta/exchange.js').Ended} Ended
 * @typedef {import('../../dist/contracts.js').Credential} Credential
 */

/**
 * What composeOktaSession() takes as `connect`. Only lookups are made by the benchmarks.
 * @param {(credential: Credential) => Promise<Ended>} answer How one exchange ends.
 * @returns {() => Org}
 */
export function orgThatAnswers(answer) {
  const question = /** @type {const} */ ({ operation: 'getCurrentSession', secrets: [] })
  const never = () => Promise.reject(new Error('no benchmark asks for this'))
  return () => ({
    api: /** @type {Org['api']} */ (/** @type {unknown} */ (undefined)),
    fetchSession: (credential) =>
      answerTo('getCurrentSession', async () => sessionOutcome(question, await answer(credential))),
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
