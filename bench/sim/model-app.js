/** The real middleware in virtual time, in front of a simulated org: takes a request and returns its status. */
import { composeOktaSession, parseOptions } from '../parts/package.js'

/**
 * @typedef {object} PageAnswer What a browser receives.
 * @property {number} status 200 when the guard passed the request.
 * @property {number} waitedMs
 * @property {number} retryAfterMs 0 without a Retry-After.
 */

/**
 * Simulates a process that has just started, with an empty cache.
 * @param {import('./virtual-time.js').VirtualTime} time
 * @param {import('./model-org.js').ModelOrg} org
 * @param {() => number} random
 * @param {import('../../dist/index.js').OktaSessionOptions} [options]
 */
export function modelApp(time, org, random, options) {
  const settings = parseOptions({ orgUrl: 'https://id.example.com', logger: false, ...options }, {})
  const okta = composeOktaSession(settings, { clock: time.clock, random, connect: org.connect })
  const guard = okta.requireSession()
  return {
    okta,

    /**
     * Requests a page.
     * @param {string} value The cookie's value.
     * @param {string} address
     * @param {(answer: PageAnswer) => void} onAnswer
     */
    page(value, address, onAnswer) {
      const startedAt = time.now
      const answer = new Answer((status, retryAfterMs) =>
        onAnswer({ status, retryAfterMs, waitedMs: time.now - startedAt }),
      )
      const req = /** @type {import('node:http').IncomingMessage} */ (
        /** @type {unknown} */ ({
          method: 'GET',
          url: '/',
          headers: {
            host: 'app.example.com',
            cookie: `sid=${value}`,
            'sec-fetch-mode': 'navigate',
            accept: 'text/html',
          },
          socket: { remoteAddress: address },
        })
      )
      const res = /** @type {import('node:http').ServerResponse} */ (
        /** @type {unknown} */ (answer)
      )
      guard(req, res, () => answer.end())
    },
  }
}

/** The part of a response that the guard and its pages use. */
class Answer {
  statusCode = 200
  /** @type {Map<string, unknown>} */
  #headers = new Map()
  #onEnd

  /** @param {(status: number, retryAfterMs: number) => void} onEnd */
  constructor(onEnd) {
    this.#onEnd = onEnd
  }

  /** @param {string} name */
  getHeader(name) {
    return this.#headers.get(name.toLowerCase())
  }

  /**
   * @param {string} name
   * @param {unknown} value
   */
  setHeader(name, value) {
    this.#headers.set(name.toLowerCase(), value)
    return this
  }

  end() {
    this.#onEnd(this.statusCode, Number(this.getHeader('retry-after') ?? 0) * 1_000)
  }
}

/**
 * A distinct address for each client, from 192.0.2.0 on.
 * @param {number} index
 */
export function addressOf(index) {
  const at = 0xc0000200 + index
  return [at >>> 24, (at >> 16) & 255, (at >> 8) & 255, at & 255].join('.')
}
