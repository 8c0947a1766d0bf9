/** A simulated org: a rate limit, a set of live sessions, and answers in Okta's format. */
import { orgThatAnswers } from '../parts/instant-org.js'
import { sessionJson } from '../parts/tiny-org.js'

const WINDOW_MS = 60_000

/**
 * @typedef {import('../parts/instant-org.js').HttpAnswer} HttpAnswer
 * @typedef {import('./virtual-time.js').VirtualTime} VirtualTime
 */

export class ModelOrg {
  calls = 0
  refusedCalls = 0
  #time
  #perMinute
  #random
  #windowEnds = 0
  #used = 0
  /** @type {Set<string>} */
  #live = new Set()
  /** @type {string[]} */
  #lookups = []

  /**
   * @param {VirtualTime} time
   * @param {{ perMinute: number, random: () => number }} options
   */
  constructor(time, { perMinute, random }) {
    this.#time = time
    this.#perMinute = perMinute
    this.#random = random
  }

  /** The `connect` option of composeOktaSession(). */
  connect = orgThatAnswers(({ value }) => this.#answer(value))

  /**
   * The number of calls for cookies with a prefix.
   * @param {string} prefix
   */
  callsFor(prefix) {
    return this.#lookups.filter((value) => value.startsWith(prefix)).length
  }

  /** @param {string} value */
  startSession(value) {
    this.#live.add(value)
  }

  /**
   * @param {string} value
   * @returns {Promise<HttpAnswer>}
   */
  async #answer(value) {
    this.calls += 1
    this.#lookups.push(value)
    await this.#time.sleep(30 + this.#random() * 40)
    const headers = this.#count()
    await this.#time.sleep(30 + this.#random() * 40)
    if (this.#used > this.#perMinute) return this.#tooMany(headers)
    return this.#live.has(value)
      ? answered(200, headers, sessionJson(value, this.#time.clock.now()))
      : answered(404, headers, errorJson('E0000007', 'Not found: Resource not found: me (Session)'))
  }

  /** @param {Map<string, readonly string[]>} headers */
  #tooMany(headers) {
    this.refusedCalls += 1
    return answered(429, headers, errorJson('E0000047', 'API call exceeded rate limit'))
  }

  /** Counts a call, also a refused one. A window starts with its first call. */
  #count() {
    const now = this.#time.now
    if (now >= this.#windowEnds) {
      this.#windowEnds = now + WINDOW_MS
      this.#used = 0
    }
    this.#used += 1
    const wall = this.#time.clock.now()
    return new Map([
      ['content-type', ['application/json']],
      ['date', [new Date(wall).toUTCString()]],
      ['x-rate-limit-limit', [String(this.#perMinute)]],
      ['x-rate-limit-remaining', [String(Math.max(0, this.#perMinute - this.#used))]],
      ['x-rate-limit-reset', [String(Math.ceil((wall + this.#windowEnds - now) / 1_000))]],
    ])
  }
}

/**
 * @param {number} status
 * @param {Map<string, readonly string[]>} headers
 * @param {string} body
 * @returns {HttpAnswer}
 */
function answered(status, headers, body) {
  return { kind: 'answered', status, headers, body: Buffer.from(body) }
}

/**
 * @param {string} errorCode
 * @param {string} errorSummary
 */
function errorJson(errorCode, errorSummary) {
  return JSON.stringify({
    errorCode,
    errorSummary,
    errorLink: errorCode,
    errorId: 'oae0123456789abcdefghijk',
    errorCauses: [],
  })
}
