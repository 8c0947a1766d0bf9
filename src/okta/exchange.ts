/** One HTTP exchange with the org, and the only file that knows the HTTP client: its errors hold requests, so they stay here. */

import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import { got, RequestError, type Response } from 'got'
import type { UnavailableCode } from '../errors.js'
import { type AnswerHeaders, readHeaders } from './answer-head.js'

/** More than any answer of the Sessions API or the token endpoint needs; a longer body is not read on. */
const MAX_BODY_BYTES = 64 * 1024
/** Idle connections are given up before a load balancer would: a reused dead one is a failed call. */
const IDLE_CONNECTION_MS = 15_000

export interface ExchangeSettings {
  /** An origin, without a trailing slash. */
  readonly orgUrl: string
  /** The deadline of an exchange that names none, body included. */
  readonly timeoutMs: number
  /** The user's own agent. It is not destroyed by close(). */
  readonly agent?: HttpsAgent | HttpAgent | undefined
}

export interface ExchangeRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** From the root of the org, each segment already encoded. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: { readonly type: string; readonly text: string } | undefined
}

export interface SendOptions {
  /** The caller's own wish to stop. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds this exchange may take; default: the exchange's `timeoutMs`. */
  readonly timeoutMs?: number | undefined
}

/** An answer arrived, of whatever status and worth. */
export interface Answered {
  readonly kind: 'answered'
  readonly status: number
  readonly headers: AnswerHeaders
  /** Undefined when it was longer than 64 KiB: the connection was cut there. */
  readonly body: Buffer | undefined
}

/** No complete answer arrived. */
export interface Failed {
  readonly kind: 'failed'
  readonly code: UnavailableCode
  readonly cause?: Error | undefined
}

/** The caller's signal fired: neither Okta nor the deadline ended this. */
export interface Aborted {
  readonly kind: 'aborted'
  readonly reason: unknown
}

/** How an exchange ends when the caller does not stop it. */
export type Ended = Answered | Failed

export type ExchangeResult = Ended | Aborted

/** Sends one request and says how it ended; never rejects. */
export type Send = (request: ExchangeRequest, options?: SendOptions) => Promise<ExchangeResult>

export interface Exchange {
  readonly send: Send
  /** Refuses new exchanges as `closed`, lets those under way end, then closes the idle connections. */
  close(): Promise<void>
}

export function createExchange(settings: ExchangeSettings): Exchange {
  const agent = settings.agent ?? keepAliveAgent(settings.orgUrl)
  const stopGuarding = closeOnUnaskedBytes(agent)
  const client = got.extend({
    retry: { limit: 0 },
    followRedirect: false,
    throwHttpErrors: false,
    decompress: false,
    // A checked certificate is not up to an environment variable.
    https: { rejectUnauthorized: true },
    agent: agentFor(settings.orgUrl, agent),
    headers: {
      accept: 'application/json',
      'accept-encoding': 'identity',
      'user-agent': USER_AGENT,
    },
  })
  const underWay = new Set<Promise<ExchangeResult>>()
  let closed = false

  async function exchange(request: ExchangeRequest, options: SendOptions): Promise<ExchangeResult> {
    const stop = stopwatch(options.timeoutMs ?? settings.timeoutMs, options.signal)
    try {
      if (hasIdleConnection(agent)) await readArrivedBytes()
      const pending = client(`${settings.orgUrl}${request.path}`, {
        method: request.method,
        responseType: 'buffer',
        resolveBodyOnly: false,
        headers: headersOf(request),
        ...(request.body === undefined ? {} : { body: request.body.text }),
        signal: stop.signal,
      })
      pending.on('downloadProgress', ({ transferred, total = 0 }) => {
        if (transferred > MAX_BODY_BYTES || total > MAX_BODY_BYTES) stop.end('too_large')
      })
      const response = await pending
      return answered(response, stop.ending === 'too_large' ? undefined : response.rawBody)
    } catch (error) {
      if (stop.ending === 'timeout') return { kind: 'failed', code: 'timeout' }
      if (stop.ending === 'aborted') return { kind: 'aborted', reason: options.signal?.reason }
      if (stop.ending === 'too_large') return cutShort(error)
      return { kind: 'failed', code: failureCode(error), cause: safeCause(error, textsOf(request)) }
    } finally {
      stop.clear()
    }
  }

  return {
    async send(request, options = {}) {
      if (options.signal?.aborted) return { kind: 'aborted', reason: options.signal.reason }
      if (closed) return { kind: 'failed', code: 'closed' }
      const pending = exchange(request, options)
      underWay.add(pending)
      try {
        return await pending
      } finally {
        underWay.delete(pending)
      }
    },
    async close() {
      closed = true
      await Promise.all(underWay)
      stopGuarding()
      if (settings.agent === undefined) agent.destroy()
    },
  }
}

const USER_AGENT = `express-okta-session/${packageVersion()} node/${process.versions.node}`

function packageVersion(): string {
  const manifest: unknown = createRequire(import.meta.url)('../../package.json')
  const known = typeof manifest === 'object' && manifest !== null && 'version' in manifest
  return known ? String(manifest.version) : '0'
}

function keepAliveAgent(orgUrl: string): HttpsAgent | HttpAgent {
  const options = { keepAlive: true, timeout: IDLE_CONNECTION_MS }
  return forgetful(orgUrl.startsWith('https:') ? new HttpsAgent(options) : new HttpAgent(options))
}

/** What a connection has no use for. */
const OF_THE_REQUEST = ['headers', 'href', 'pathname', 'search', 'hash', 'auth', 'method']

/**
 * Node keeps the options of the request that opened a connection for as long as it lives: a cookie among
 * its headers, or a session id in its path, would stay in memory long after the session's end.
 */
function forgetful<A extends HttpAgent>(agent: A): A {
  const connect = agent.createConnection.bind(agent)
  agent.createConnection = (options, callback) => {
    for (const name of OF_THE_REQUEST) Reflect.deleteProperty(options, name)
    return connect(options, callback)
  }
  return agent
}

/**
 * Closes an idle connection on which bytes arrive: no request is waiting for them, and what follows them
 * could be read as the answer to the next one. The agent may be the application's, so that this only listens.
 */
function closeOnUnaskedBytes(agent: HttpAgent): () => void {
  if (!hasPool(agent)) return () => {}
  const watched = new WeakSet<Socket>()
  const onFree = (socket: Socket) => {
    if (watched.has(socket)) return
    watched.add(socket)
    socket.on('data', () => {
      if (isIdle(agent, socket)) socket.destroy()
    })
  }
  agent.on('free', onFree)
  return () => agent.off('free', onFree)
}

/** A proxy library's agent need not extend Node's: one without events has no pool of Node's either. */
function hasPool(agent: HttpAgent): boolean {
  return typeof agent.on === 'function' && typeof agent.freeSockets === 'object'
}

function hasIdleConnection(agent: HttpAgent): boolean {
  return hasPool(agent) && Object.keys(agent.freeSockets).length > 0
}

/**
 * Resolves once Node has read what had arrived on idle connections before the call, so that those are
 * closed and not reused. The first turn may be one whose sockets were polled earlier; the second polls anew.
 */
async function readArrivedBytes(): Promise<void> {
  await turnOfTheLoop()
  await turnOfTheLoop()
}

function isIdle(agent: HttpAgent, socket: Socket): boolean {
  return Object.values(agent.freeSockets).some((idle) => idle?.includes(socket))
}

/** Proxy agents for https commonly extend http.Agent, which the client's types do not foresee. */
function agentFor(orgUrl: string, agent: HttpsAgent | HttpAgent) {
  return orgUrl.startsWith('https:') ? { https: agent as HttpsAgent } : { http: agent }
}

type Ending = 'timeout' | 'aborted' | 'too_large'

/** The three ways to cut an exchange short, over one AbortController that remembers which it was. */
function stopwatch(timeoutMs: number, caller: AbortSignal | undefined) {
  const controller = new AbortController()
  let ending: Ending | undefined
  const end = (why: Ending) => {
    ending ??= why
    controller.abort()
  }
  const onAbort = () => end('aborted')
  const timer = setTimeout(end, timeoutMs, 'timeout')
  caller?.addEventListener('abort', onAbort)
  return {
    signal: controller.signal,
    get ending() {
      return ending
    },
    end,
    clear() {
      clearTimeout(timer)
      caller?.removeEventListener('abort', onAbort)
    },
  }
}

function headersOf(request: ExchangeRequest): Record<string, string> {
  const body = request.body
  return { ...request.headers, ...(body === undefined ? {} : { 'content-type': body.type }) }
}

/** Everything of a request that could hold a secret. */
function textsOf(request: ExchangeRequest): string[] {
  return [request.path, request.body?.text ?? '', ...Object.values(request.headers ?? {})]
}

/** The answer that was being read when its body grew too long: its head stands. */
function cutShort(error: unknown): Ended {
  const head = error instanceof RequestError ? error.response : undefined
  return head === undefined ? { kind: 'failed', code: 'too_large' } : answered(head, undefined)
}

type Head = Pick<Response, 'statusCode' | 'rawHeaders'>

function answered(response: Head, body: Buffer | undefined): Answered {
  const headers = readHeaders(response.rawHeaders)
  return { kind: 'answered', status: response.statusCode, headers, body }
}

/** The code for an error of the HTTP client; an unknown one counts as a connection that was not to be had. */
export function failureCode(error: unknown): UnavailableCode {
  const code = codeOf(error) ?? ''
  return FAMILIES.find(([pattern]) => pattern.test(code))?.[1] ?? 'connect'
}

const FAMILIES: readonly (readonly [RegExp, UnavailableCode])[] = [
  [/^(ENOTFOUND|EAI_\w+|ENODATA|ESERVFAIL|ENONAME)$/, 'dns'],
  [/^(ETIMEDOUT|ESOCKETTIMEDOUT)$/, 'timeout'],
  [/^(ECONNRESET|EPIPE|ECONNABORTED|ERR_STREAM_PREMATURE_CLOSE)$/, 'reset'],
  [/^(ERR_READING_RESPONSE_STREAM|ERR_HTTP_CONTENT_LENGTH_MISMATCH)$/, 'reset'],
  [/^HPE_HEADER_OVERFLOW$/, 'too_large'],
  [/^HPE_/, 'malformed'],
  [/^(ERR_TLS_|ERR_SSL_|CERT_|CRL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERROR_IN_)/, 'tls'],
  [/^(EPROTO|HOSTNAME_MISMATCH|INVALID_(CA|PURPOSE)|PATH_LENGTH_EXCEEDED)$/, 'tls'],
]

/** Node's own messages are shorter; a longer one lists what a stranger's certificate holds. */
const LONGEST_MESSAGE = 2_048

/**
 * A fresh Error with the original's name, code and message and nothing else: the original holds the
 * request with its headers. Should its message quote a word of what was sent, or be longer than any of
 * Node's, it is left out as well.
 */
export function safeCause(error: unknown, sent: readonly string[]): Error {
  const code = codeOf(error)
  const message = messageOf(error)
  const isFit = message !== '' && message.length <= LONGEST_MESSAGE && !quotes(message, sent)
  const cause = new Error(isFit ? message : (code ?? 'connection failed'))
  if (error instanceof Error)
    Object.defineProperty(cause, 'name', { value: error.name, enumerable: false })
  return code === undefined ? cause : Object.assign(cause, { code })
}

function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && /^\w{1,64}$/.test(code) ? code : undefined
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return ''
  if (error.message !== '') return error.message
  // Node tries IPv6 and IPv4 and sums up both failures without a message.
  const inner = error.cause instanceof AggregateError ? error.cause.errors : []
  return inner.map((each: unknown) => messageOf(each)).join('; ')
}

function quotes(message: string, sent: readonly string[]): boolean {
  return wordsOf(sent).some((word) => message.includes(word))
}

/** The words that could be secrets: nothing shorter than 8 characters is one. */
function wordsOf(sent: readonly string[]): string[] {
  return sent.flatMap((text) => text.split(/[\s"/?&=;,]+/)).filter((word) => word.length >= 8)
}
