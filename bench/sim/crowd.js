/** People at their browsers: they look at a page and ask for the next, wait out a 503 as its page says, and sign in when sent to. */
import { pause } from './chance.js'

/**
 * @typedef {object} Tally
 * @property {number} requests
 * @property {number} passed
 * @property {number} unavailable 503
 * @property {number} tooMany 429
 * @property {number[]} firstAnswers Milliseconds from a person's first request to a page or the sign-in page.
 * @property {number[]} waits Milliseconds each answer took.
 * @property {number} shutOutMs Of all people together, from a refusal to the next page or sign-in page.
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
    shutOutMs: 0,
  }
}

const THINK_MS = 20_000
const SIGN_IN_MS = 25_000
/** The 503 page loads itself again; the 429 page leaves that to the person in front of it. */
const TRY_AGAIN_MS = 15_000

export class Crowd {
  /** @type {Tally} Swap it to count a phase by itself. */
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
   * @param {ReturnType<typeof import('./model-app.js').modelApp>} parts.app
   * @param {() => number} parts.random
   * @param {string} [parts.prefix] What the cookies of this crowd have in front, to tell two crowds apart.
   */
  constructor({ time, org, app, random, prefix = '' }) {
    this.#prefix = prefix
    this.#time = time
    this.#org = org
    this.#app = app
    this.#random = random
  }

  /**
   * Somebody comes at `at` and stays for `staysMs`, asking for a page every 20 s on average.
   * @param {object} person
   * @param {number} person.at
   * @param {number} person.staysMs
   * @param {string} person.address
   * @param {boolean} person.signedIn Whether the cookie still stands for a session.
   * @param {number} [person.thinkMs]
   */
  comes({ at, staysMs, address, signedIn, thinkMs = THINK_MS }) {
    const leaves = at + staysMs
    const first = { pending: true, asked: at }
    /** @type {number | undefined} */
    let shutOutSince
    let value = this.#newCookie(signedIn)
    const look = () => {
      if (shutOutSince !== undefined) this.tally.shutOutMs += this.#time.now - shutOutSince
      shutOutSince = undefined
      if (this.#time.now >= leaves) return
      this.#app.page(value, address, (seen) => {
        this.#count(seen, first)
        if (seen.retryAfterMs > 0) shutOutSince = this.#time.now
        if (seen.status === 200) this.#time.after(pause(this.#random, thinkMs), look)
        else if (seen.status === 302) this.#time.after(SIGN_IN_MS, signIn)
        else this.#time.after(seen.status === 429 ? TRY_AGAIN_MS : seen.retryAfterMs, look)
      })
    }
    const signIn = () => {
      value = this.#newCookie(true)
      look()
    }
    this.#time.after(at - this.#time.now, look)
  }

  /**
   * @param {import('./model-app.js').Seen} seen
   * @param {{ pending: boolean, asked: number }} first
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
      tally.firstAnswers.push(this.#time.now - first.asked)
    }
  }

  /** @param {boolean} signedIn */
  #newCookie(signedIn) {
    this.#cookies += 1
    const value = `102${this.#prefix}${String(this.#cookies).padStart(22, 'x')}`
    if (signedIn) this.#org.begin(value)
    return value
  }
}
