/** The real middleware in virtual time, in front of a simulated org: takes a request and returns its status. */
import { composeOktaSession, parseOptions } from '../parts/package.js'

/**
 * @typedef {object} PageAnswer What a browser receives.
 * @property {number} status 200 when the guard passed the request.
 * @property {number} waitedMs
 * @property {number} retryAfterMs 0 without a Retry-After.
 * @property {number | undefined} reloadMs After how long the page loads itself again; undefined if it does not.
 */

/**
 * @typedef {Map<string, { value: string, until: number }>} CookieJar The cookies that a browser keeps of the app.
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
     * @param {CookieJar} [jar] The browser's other cookies. Left out for a client that keeps none.
     */
    page(value, address, onAnswer, jar = new Map()) {
      const startedAt = time.now
      const answer = new Answer(({ statusCode: status, retryAfterMs, setCookies }, body) => {
        for (const line of setCookies) keep(jar, line, time.now)
        onAnswer({ status, retryAfterMs, reloadMs: reloadOf(body), waitedMs: time.now - startedAt })
      })
      const req = /** @type {import('node:http').IncomingMessage} */ (
        /** @type {unknown} */ ({
          method: 'GET',
          url: '/',
          headers: {
            host: 'app.example.com',
            cookie: [`sid=${value}`, ...kept(jar, time.now)].join('; '),
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

  /** @param {(answer: Answer, body: string) => void} onEnd */
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

  get retryAfterMs() {
    return Number(this.getHeader('retry-after') ?? 0) * 1_000
  }

  /** @returns {readonly string[]} */
  get setCookies() {
    const lines = this.getHeader('set-cookie') ?? []
    return Array.isArray(lines) ? lines : [String(lines)]
  }

  end(body = '') {
    this.#onEnd(this, body)
  }
}

/**
 * When a page says that it loads itself again.
 * @param {string} body
 */
function reloadOf(body) {
  const seconds = /<meta http-equiv="refresh" content="(\d+)">/.exec(body)?.[1]
  return seconds === undefined ? undefined : Number(seconds) * 1_000
}

/**
 * Keeps a cookie as a browser does, for as long as its Max-Age says.
 * @param {CookieJar} jar
 * @param {string} line The value of Set-Cookie.
 * @param {number} now
 */
function keep(jar, line, now) {
  const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
  const maxAge = /; Max-Age=(\d+)/i.exec(line)?.[1]
  jar.set(name, { value, until: now + Number(maxAge ?? Number.POSITIVE_INFINITY) * 1_000 })
}

/**
 * @param {CookieJar} jar
 * @param {number} now
 */
function kept(jar, now) {
  return [...jar]
    .filter(([, { until }]) => now < until)
    .map(([name, { value }]) => `${name}=${value}`)
}

/**
 * A distinct address for each client, from 192.0.2.0 on.
 * @param {number} index
 */
export function addressOf(index) {
  const at = 0xc0000200 + index
  return [at >>> 24, (at >> 16) & 255, (at >> 8) & 255, at & 255].join('.')
}
