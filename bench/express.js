/** The cost of a cached session inside Express 5 and 4, without sockets, as a multiple of the bare app's cost. */
import { IncomingMessage, ServerResponse } from 'node:http'
import express from 'express'
import express4 from 'express4'
import { measure } from './harness/measure.js'
import { withCachedSessions } from './parts/cached-sessions.js'
import { cookieParserPeer, expressSessionPeer, josePeer } from './parts/peers.js'
import { browserHeaders, cookieValue } from './parts/stubs.js'

/**
 * @typedef {import('./parts/stubs.js').Handler} Handler
 * @typedef {import('./parts/stubs.js').Headers} Headers
 * @typedef {((req: IncomingMessage, res: ServerResponse) => void) & { response: ServerResponse }} App
 */

/** @param {{ tiny: boolean }} options */
export async function run({ tiny }) {
  const rounds = tiny ? 3 : 300
  const calls = tiny ? 50 : 150
  const headers = browserHeaders(`sid=${cookieValue(25)}`)
  const okta = await withCachedSessions([headers])
  const peers = [
    { name: 'bare app', middleware: [], headers },
    { name: '  the same again', middleware: [], headers },
    { name: 'empty middleware', middleware: [empty], headers },
    { name: 'requireSession', middleware: [okta.requireSession()], headers },
    {
      name: 'attachSession and requireSession',
      middleware: [okta.attachSession(), okta.requireSession()],
      headers,
    },
    ...[cookieParserPeer(), expressSessionPeer(), await josePeer()].map((peer) => ({
      ...peer,
      middleware: [peer.middleware],
    })),
  ]
  const rows = []
  for (const [version, makeApp] of /** @type {const} */ ([
    ['Express 5', express],
    ['Express 4', express4],
  ])) {
    // Small batches, so that most of them run without a garbage collection.
    const variants = peers.map(({ name, middleware, headers }) => ({
      name,
      calls,
      run: requestsTo(appWith(makeApp(), middleware), headers),
    }))
    const measured = await measure(variants, { rounds })
    const bare = measured[0]
    for (const { name, cpuMicros, bytes } of measured)
      rows.push({
        version,
        name,
        min: cpuMicros.min,
        ratio: cpuMicros.min / (bare?.cpuMicros.min ?? 1),
        medianRatio: cpuMicros.median / (bare?.cpuMicros.median ?? 1),
        spread: cpuMicros.spread,
        bytes: bytes - (bare?.bytes ?? 0),
      })
  }
  await okta.close()
  return {
    title: 'express: a GET answered with a small JSON document, without sockets',
    columns: [
      { key: 'name', title: 'variant' },
      { key: 'version', title: '' },
      { key: 'min', title: 'CPU µs', digits: 2 },
      { key: 'ratio', title: 'x bare', digits: 2 },
      { key: 'medianRatio', title: 'of medians', digits: 2 },
      { key: 'spread', title: '±', percent: true },
      { key: 'bytes', title: 'bytes more' },
    ],
    rows,
    notes: [
      `The minimum of ${rounds} batches per variant, and its ratio to the bare app's; both include Node's request and response objects.`,
      'The bare app is res.json({ ok: true }) with all settings at their defaults, ETag included.',
    ],
  }
}

/** @type {Handler} */
function empty(_req, _res, next) {
  next()
}

/**
 * The part of an Express app that is used here, the same in both major versions.
 * @typedef {object} Routes
 * @property {(handler: Handler) => unknown} use
 * @property {(path: string, handler: (req: unknown, res: { json(body: object): unknown }) => void) => unknown} get
 */

/**
 * @template {Routes} T
 * @param {T} app
 * @param {readonly Handler[]} middleware
 * @returns {T}
 */
function appWith(app, middleware) {
  for (const handler of middleware) app.use(handler)
  app.get('/account', (_req, res) => {
    res.json({ ok: true })
  })
  return app
}

/**
 * Starts all requests, then waits for all answers.
 * @param {App} app
 * @param {Headers} headers
 * @returns {(calls: number) => Promise<void>}
 */
function requestsTo(app, headers) {
  /** @type {(status: number) => void} */
  let onEnd = () => {}
  // Express sets this object as the prototype of each response, so end() is observed here.
  app.response.end = function end(/** @type {unknown[]} */ ...content) {
    Reflect.apply(ServerResponse.prototype.end, this, content)
    onEnd(this.statusCode)
    return this
  }
  const rawHeaders = Object.entries(headers).flatMap(([name, value]) => [name, String(value)])
  return function run(calls) {
    return new Promise((resolve, reject) => {
      let answered = 0
      onEnd = (status) => {
        answered += 1
        if (status !== 200) reject(new Error(`answered ${status}`))
        else if (answered === calls) resolve()
      }
      for (let i = 0; i < calls; i += 1) {
        const req = request(rawHeaders)
        app(req, new ServerResponse(req))
      }
    })
  }
}

/** The part of a socket that Express reads. */
const connection = { remoteAddress: '192.0.2.1', encrypted: false }

/**
 * A request as Node's HTTP server makes it, which parses the headers on first access.
 * @param {readonly string[]} rawHeaders
 */
function request(rawHeaders) {
  const socket = /** @type {import('node:net').Socket} */ (/** @type {unknown} */ (connection))
  const req = new IncomingMessage(socket)
  Reflect.set(req, 'rawHeaders', rawHeaders)
  Reflect.get(req, '_addHeaderLines').call(req, rawHeaders, rawHeaders.length)
  req.method = 'GET'
  req.url = '/account'
  req.httpVersionMajor = 1
  req.httpVersionMinor = 1
  return req
}
