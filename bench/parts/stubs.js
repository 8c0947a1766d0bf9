/** Requests and responses without a socket, as cheap as an object. */
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'

/**
 * @typedef {import('../../dist/index.js').Handler} Handler
 * @typedef {import('node:http').IncomingHttpHeaders} Headers
 */

/** A cookie value of the given length, in the alphabet of Okta's. */
export function cookieValue(length = 25, seed = 'aB3dE_9-') {
  return `102${seed.repeat(Math.ceil(length / seed.length))}`.slice(0, length)
}

/**
 * A browser's request headers, with the given cookies among others of the site.
 * @param {string} cookies
 * @returns {Headers}
 */
export function browserHeaders(cookies) {
  return {
    host: 'app.example.com',
    'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0',
    accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
    'accept-language': 'en-US,en;q=0.5',
    cookie: `theme=dark; ${cookies}; _ga=GA1.2.1234567890.1234567890`,
    'sec-fetch-mode': 'cors',
    'sec-fetch-site': 'same-origin',
  }
}

const socket = new Socket()

/**
 * A minimal request.
 * @param {Headers} headers
 * @returns {IncomingMessage}
 */
export function stubRequest(headers) {
  const request = { headers, method: 'GET', url: '/account', originalUrl: '/account', socket }
  return /** @type {IncomingMessage} */ (/** @type {unknown} */ (request))
}

/** A response that discards its headers. */
export const headerless = /** @type {ServerResponse} */ (
  /** @type {unknown} */ ({ getHeader() {}, setHeader() {} })
)

/** A response of Node's own; emptying its header table before each use is cheaper than a new response. */
export const reused = new ServerResponse(new IncomingMessage(socket))

const headerTable = Object.getOwnPropertySymbols(reused).find(
  ({ description }) => description === 'kOutHeaders',
)

/**
 * Calls a synchronous middleware repeatedly, each time with a new request.
 * @param {Handler} middleware
 * @param {Headers} headers
 * @param {ServerResponse} res
 * @returns {(calls: number) => void}
 */
export function callsTo(middleware, headers, res) {
  const emptied = /** @type {Record<symbol, unknown>} */ (/** @type {unknown} */ (res))
  const symbol = headerTable ?? Symbol('unknown to this Node')
  let passed = 0
  const next = () => {
    passed += 1
  }
  return function run(calls) {
    passed = 0
    for (let i = 0; i < calls; i += 1) {
      emptied[symbol] = null
      middleware(stubRequest(headers), res, next)
    }
    if (passed !== calls)
      throw new Error(`${calls - passed} of ${calls} calls did not pass at once`)
  }
}

/**
 * Calls an asynchronous middleware repeatedly: starts all calls, then waits for all of them.
 * @param {Handler} middleware
 * @param {Headers} headers
 * @returns {(calls: number) => Promise<void>}
 */
export function callsAwaited(middleware, headers) {
  return function run(calls) {
    return new Promise((resolve, reject) => {
      let passed = 0
      const next = (/** @type {unknown} */ error) => {
        passed += 1
        if (error !== undefined) reject(error)
        else if (passed === calls) resolve()
      }
      for (let i = 0; i < calls; i += 1) {
        const req = stubRequest(headers)
        middleware(req, new ServerResponse(req), next)
      }
    })
  }
}
