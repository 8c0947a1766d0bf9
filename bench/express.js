/** The same inside Express 5 and 4, without sockets, as a multiple of what the bare app costs. */
import { IncomingMessage, ServerResponse } from 'node:http'
import express from 'express'
import express4 from 'express4'
import { measure } from './harness/measure.js'
import { cookieParserPeer, expressSessionPeer, josePeer } from './parts/peers.js'
import { remembering } from './parts/remembering.js'
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
  const known = browserHeaders(`sid=${cookieValue(25)}`)
  const okta = await remembering([known])
  const peers = [
    { name: 'bare app', middleware: [], headers: known },
    { name: '  the same again', middleware: [], headers: known },
    { name: 'empty middleware', middleware: [empty], headers: known },
    { name: 'requireSession', middleware: [okta.requireSession()], headers: known },
    {
      name: 'attachSession and requireSession',
      middleware: [okta.attachSession(), okta.requireSession()],
      headers: known,
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
    // Small batches, so that most hold no collection.
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
      `The least of ${rounds} batches a variant, and its multiple of the bare app's; both contain Node's request and response objects.`,
      'The bare app is res.json({ ok: true }) with every setting at its default, ETag included.',
    ],
  }
}

/** @type {Handler} */
function empty(_req, _res, next) {
  next()
}

/**
 * As much of an Express app as is used here, of either major.
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
 * All requests are begun, then all answers awaited.
 * @param {App} app
 * @param {Headers} headers
 * @returns {(calls: number) => Promise<void>}
 */
function requestsTo(app, headers) {
  /** @type {(status: number) => void} */
  let onEnd = () => {}
  // Express puts its own prototype under each response: this is where an end() can be heard.
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

/** As much of a socket as Express looks at. */
const connection = { remoteAddress: '192.0.2.1', encrypted: false }

/**
 * As Node's HTTP server makes it: the headers are parsed when somebody asks for them.
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
