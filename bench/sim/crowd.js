/** Simulated users: each requests pages, reloads after a 503 or 429, and signs in when redirected to sign-in. */
import { pause } from './chance.js'

/**
 * @typedef {object} Tally
 * @property {number} requests
 * @property {number} passed
 * @property {number} unavailable 503
 * @property {number} tooMany 429
 * @property {number[]} firstAnswers Milliseconds from a user's first request to a page or the sign-in page.
 * @property {number[]} waits The duration of each answer in milliseconds.
 * @property {number} blockedMs The time from a 503 or 429 to the next request, summed over all users.
 */

/** @returns {Tally} */
export function emptyTally() {
  return {
    requests: 0,
    passed: 0,
    unavailable: 0,
    tooMany: 0,
    firstAnswers: [],
    waits: [],
    blockedMs: 0,
  }
}

const THINK_MS = 20_000
const SIGN_IN_MS = 25_000
/** The 503 page says when it reloads itself; the 429 page leaves that to the user. */
const MANUAL_RELOAD_MS = 15_000

export class Crowd {
  /** @type {Tally} Replace it to count a phase separately. */
  tally = emptyTally()
  #time
  #org
  #app
  #random
  #prefix
  #cookies = 0

  /**
   * @param {object} parts
   * @param {import('./virtual-time.js').VirtualTime} parts.time
   * @param {import('./model-org.js').ModelOrg} parts.org
   * @param {Pick<ReturnType<typeof import('./model-app.js').modelApp>, 'page'>} parts.app
   * @param {() => number} parts.random
   * @param {string} [parts.prefix] The prefix of this crowd's cookies, which distinguishes two crowds.
   */
  constructor({ time, org, app, random, prefix = '' }) {
    this.#prefix = prefix
    this.#time = time
    this.#org = org
    this.#app = app
    this.#random = random
  }

  /**
   * Adds a user, who stays for `staysMs` and waits `thinkMs` on average between two pages.
   * @param {object} user
   * @param {number} user.arrivesAt
   * @param {number} user.staysMs
   * @param {string} user.address
   * @param {boolean} user.signedIn Whether the user's first cookie belongs to a live session.
   * @param {number} [user.thinkMs]
   */
  add({ arrivesAt, staysMs, address, signedIn, thinkMs = THINK_MS }) {
    const leavesAt = arrivesAt + staysMs
    const first = { pending: true, requestedAt: arrivesAt }
    /** @type {number | undefined} */
    let blockedSince
    let value = this.#newCookie(signedIn)
    /** @type {import('./model-app.js').CookieJar} */
    const jar = new Map()
    const requestPage = () => {
      if (blockedSince !== undefined) this.tally.blockedMs += this.#time.now - blockedSince
      blockedSince = undefined
      if (this.#time.now >= leavesAt) return
      /** @param {import('./model-app.js').PageAnswer} answer */
      const onAnswer = (answer) => {
        this.#count(answer, first)
        if (answer.retryAfterMs > 0) blockedSince = this.#time.now
        if (answer.status === 200) this.#time.after(pause(this.#random, thinkMs), requestPage)
        else if (answer.status === 302) this.#time.after(SIGN_IN_MS, signIn)
        else this.#time.after(answer.reloadMs ?? MANUAL_RELOAD_MS, requestPage)
      }
      this.#app.page(value, address, onAnswer, jar)
    }
    const signIn = () => {
      value = this.#newCookie(true)
      requestPage()
    }
    this.#time.after(arrivesAt - this.#time.now, requestPage)
  }

  /**
   * @param {import('./model-app.js').PageAnswer} answer
   * @param {{ pending: boolean, requestedAt: number }} first
   */
  #count({ status, waitedMs }, first) {
    const { tally } = this
    tally.requests += 1
    tally.waits.push(waitedMs)
    if (status === 200) tally.passed += 1
    if (status === 503) tally.unavailable += 1
    if (status === 429) tally.tooMany += 1
    if (first.pending && (status === 200 || status === 302)) {
      first.pending = false
      tally.firstAnswers.push(this.#time.now - first.requestedAt)
    }
  }

  /** @param {boolean} signedIn */
  #newCookie(signedIn) {
    this.#cookies += 1
    const value = `102${this.#prefix}${String(this.#cookies).padStart(22, 'x')}`
    if (signedIn) this.#org.startSession(value)
    return value
  }
}
