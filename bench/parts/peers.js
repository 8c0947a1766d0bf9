/** Other middleware to compare with, each with the headers of a request that it passes. */
import { createHmac, generateKeyPairSync } from 'node:crypto'
import cookieParser from 'cookie-parser'
import expressSession from 'express-session'
import { jwtVerify, SignJWT } from 'jose'
import { browserHeaders, cookieValue } from './stubs.js'

/**
 * @typedef {object} Peer
 * @property {string} name
 * @property {import('./stubs.js').Handler} middleware
 * @property {import('./stubs.js').Headers} headers
 */

/** @returns {Peer} */
export function cookieParserPeer() {
  return {
    name: 'cookie-parser',
    middleware: asHandler(cookieParser()),
    headers: browserHeaders(`sid=${cookieValue()}`),
  }
}

/**
 * One stored session in express-session's own memory store.
 * @returns {Peer}
 */
export function expressSessionPeer() {
  const secret = 'a secret of this benchmark'
  const id = cookieValue(32)
  const store = new expressSession.MemoryStore()
  const cookie = { originalMaxAge: 86_400_000, httpOnly: true, path: '/' }
  const user = { login: 'alice@example.com' }
  store.set(id, /** @type {import('express-session').SessionData} */ ({ cookie, user }))
  const signature = createHmac('sha256', secret).update(id).digest('base64').replace(/=+$/, '')
  return {
    name: 'express-session, memory store',
    middleware: asHandler(
      expressSession({ secret, store, resave: false, saveUninitialized: false }),
    ),
    headers: browserHeaders(`connect.sid=${encodeURIComponent(`s:${id}.${signature}`)}`),
  }
}

/**
 * Verifies a signed token in the cookie on each request.
 * @returns {Promise<Peer>}
 */
export async function josePeer() {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const token = await new SignJWT({ login: 'alice@example.com' })
    .setProtectedHeader({ alg: 'RS256' })
    .setSubject('00u1234567890abcdefg')
    .setIssuer('https://id.example.com')
    .setExpirationTime('1d')
    .sign(privateKey)
  return {
    name: 'jose, RS256 verification',
    middleware(req, _res, next) {
      const [, found = ''] = /token=([^;]+)/.exec(req.headers.cookie ?? '') ?? []
      jwtVerify(found, publicKey, { issuer: 'https://id.example.com' }).then(() => next(), next)
    },
    headers: browserHeaders(`token=${token}`),
  }
}

/**
 * The types of this middleware require Express's request, but it works with any request of Connect's shape.
 * @param {unknown} middleware
 */
function asHandler(middleware) {
  if (typeof middleware !== 'function') throw new TypeError('not a middleware')
  return /** @type {import('./stubs.js').Handler} */ (middleware)
}
