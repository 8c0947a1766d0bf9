/** One HTTP exchange with the org. Only this file knows the HTTP client, whose errors hold requests with their secrets. */

import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type RequestOptions,
} from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { Socket } from 'node:net'
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import { urlToHttpOptions } from 'node:url'
import { got, type Response } from 'got'
import type { UnavailableCode } from '../errors.js'
import { VERSION } from '../version.js'
import { type AnswerHeaders, readHeaders } from './http-answer.js'

/** More than any answer of the Sessions API or the token endpoint needs; the rest of a longer body is not read. */
const MAX_BODY_BYTES = 64 * 1024
/** Shorter than the idle timeout of common load balancers: reusing a connection they have closed fails the call. */
const IDLE_CONNECTION_MS = 15_000

export interface ExchangeSettings {
  /** An origin, without a trailing slash. */
  readonly orgUrl: string
  /** The deadline of an exchange that names none, body included. */
  readonly timeoutMs: number
  /** The application's own agent. close() does not destroy it. */
  readonly agent?: HttpsAgent | HttpAgent | undefined
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** From the root of the org, each segment already encoded. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: { readonly type: string; readonly text: string } | undefined
  /** Whether what is sent is valid once: sent again only where it certainly was not sent. */
  readonly isSingleUse?: boolean
}

export interface SendOptions {
  /** The caller's own signal. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds this exchange may take; default: the exchange's `timeoutMs`. */
  readonly timeoutMs?: number | undefined
}

/** How an exchange ended. */
export type HttpResult = HttpAnswer | HttpFailure | HttpAbort

/** A complete answer arrived, of any status. */
export interface HttpAnswer {
  readonly kind: 'answered'
  readonly status: number
  readonly headers: AnswerHeaders
  /** Undefined when it was longer than 64 KiB: the connection was closed there. */
  readonly body: Buffer | undefined
}

/** No complete answer arrived. */
export interface HttpFailure {
  readonly kind: 'failed'
  readonly code: UnavailableCode
  readonly cause?: Error | undefined
}

/** The caller's signal fired. */
export interface HttpAbort {
  readonly kind: 'aborted'
  readonly reason: unknown
}

/** Sends one request. Never rejects. */
export type Send = (request: HttpRequest, options?: SendOptions) => Promise<HttpResult>

export interface Exchange {
  readonly send: Send
  /** Ends new exchanges as `closed`, waits for those in flight, then closes the idle connections. */
  close(): Promise<void>
}

export function createExchange(settings: ExchangeSettings): Exchange {
  const agent = settings.agent ?? keepAliveAgent(settings.orgUrl)
  const stopWatching = closeOnStrayBytes(agent)
  const tryOnce = createTry(settings.orgUrl, agent)
  const inFlight = new Set<Promise<HttpResult>>()
  let closed = false

  async function exchange(request: HttpRequest, options: SendOptions): Promise<HttpResult> {
    const stop = stopwatch(options.timeoutMs ?? settings.timeoutMs, options.signal)
    try {
      const first = await tryOnce(request, options, stop)
      if (first.lost === undefined || (first.lost === 'unanswered' && !mayRepeatLost(request)))
        return first.result
      // Its neighbours were idle for as long, and the other side may have closed them too.
      closeIdle(agent, settings.orgUrl)
      return (await tryOnce(request, options, stop)).result
    } finally {
      stop.clear()
    }
  }

  return {
    async send(request, options = {}) {
      if (options.signal?.aborted) return { kind: 'aborted', reason: options.signal.reason }
      if (closed) return { kind: 'failed', code: 'closed' }
      const pending = exchange(request, options)
      inFlight.add(pending)
      try {
        return await pending
      } finally {
        inFlight.delete(pending)
      }
    },
    async close() {
      closed = true
      await Promise.all(inFlight)
      stopWatching()
      if (settings.agent === undefined) agent.destroy()
    },
  }
}

/** A GET or a DELETE is retried by its caller, within a budget. A session token works once. */
function mayRepeatLost({ method, isSingleUse }: HttpRequest): boolean {
  return method === 'POST' && isSingleUse !== true
}

/** One try of an exchange, and how it was lost where that calls for another. */
function createTry(orgUrl: string, agent: HttpsAgent | HttpAgent) {
  const client = createClient(orgUrl, agent)
  const org = parseOrg(orgUrl)
  const readArrivedBytes = readerOfArrivedBytes()

  return async function tryOnce(
    request: HttpRequest,
    options: SendOptions,
    stop: ReturnType<typeof stopwatch>,
  ): Promise<{ readonly result: HttpResult; readonly lost?: Lost }> {
    const native = createNativeRequest(request, org)
    try {
      if (hasIdleConnection(agent)) await readArrivedBytes()
      const pending = client(orgUrl, {
        method: request.method,
        request: native.send,
        hooks: { beforeError: [native.strip] },
        signal: stop.signal,
      })
      pending.on('downloadProgress', ({ transferred, total = 0 }) => {
        if (transferred > MAX_BODY_BYTES || total > MAX_BODY_BYTES) stop.end('too_large')
      })
      const response = await pending
      const isCut = stop.ending === 'too_large'
      const head = native.head ?? response
      return { result: answered(head, isCut ? undefined : response.rawBody) }
    } catch (error) {
      if (stop.ending === 'timeout') return { result: { kind: 'failed', code: 'timeout' } }
      if (stop.ending === 'aborted')
        return { result: { kind: 'aborted', reason: options.signal?.reason } }
      if (stop.ending === 'too_large') return { result: cutShort(native.head) }
      const cause = safeCause(error, textsOf(request))
      const lost = native.lost()
      const result = { kind: 'failed', code: failureCode(error), cause } as const
      return lost === undefined ? { result } : { result, lost }
    }
  }
}

function createClient(orgUrl: string, agent: HttpsAgent | HttpAgent) {
  return got.extend({
    responseType: 'buffer',
    resolveBodyOnly: false,
    retry: { limit: 0 },
    followRedirect: false,
    throwHttpErrors: false,
    decompress: false,
    // Stated, so that NODE_TLS_REJECT_UNAUTHORIZED cannot switch the check off.
    https: { rejectUnauthorized: true },
    agent: agentFor(orgUrl, agent),
    hooks: { afterResponse: [asSuccess] },
    headers: {
      accept: 'application/json',
      'accept-encoding': 'identity',
      'user-agent': USER_AGENT,
    },
  })
}

const USER_AGENT = `express-okta-session/${VERSION} node/${process.versions.node}`

function keepAliveAgent(orgUrl: string): HttpsAgent | HttpAgent {
  const options = { keepAlive: true, timeout: IDLE_CONNECTION_MS }
  return withoutRequests(
    orgUrl.startsWith('https:') ? new HttpsAgent(options) : new HttpAgent(options),
  )
}

/** Options of a request that a connection does not need. */
const REQUEST_OPTIONS = ['headers', 'href', 'pathname', 'search', 'hash', 'auth', 'method']

/**
 * Node keeps the options of the request that opened a connection for as long as it lives: a cookie among
 * its headers, or a session id in its path, would stay in memory long after the session's end.
 */
function withoutRequests<A extends HttpAgent>(agent: A): A {
  const connect = agent.createConnection.bind(agent)
  agent.createConnection = (options, callback) => {
    for (const name of REQUEST_OPTIONS) Reflect.deleteProperty(options, name)
    return connect(options, callback)
  }
  return agent
}

/**
 * Closes an idle connection on which bytes arrive: they answer no request, and could be read as the answer
 * to the next one. The agent may be the application's, so this adds listeners and changes nothing else.
 */
function closeOnStrayBytes(agent: HttpAgent): () => void {
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

/** A proxy library's agent need not extend Node's; without events it has no pool of Node's either. */
function hasPool(agent: HttpAgent): boolean {
  return typeof agent.on === 'function' && typeof agent.freeSockets === 'object'
}

function hasIdleConnection(agent: HttpAgent): boolean {
  return hasPool(agent) && Object.keys(agent.freeSockets).length > 0
}

/**
 * Makes a function that resolves once Node has read what had arrived on idle connections before the call:
 * those are then closed and not reused. Two turns of the event loop: the sockets of the first may have been
 * polled before the call. Calls that begin before the first turn share both.
 */
function readerOfArrivedBytes(): () => Promise<void> {
  let reading: Promise<void> | undefined
  const twoTurns = async () => {
    await turnOfTheLoop()
    reading = undefined
    await turnOfTheLoop()
  }
  return function readArrivedBytes() {
    reading ??= twoTurns()
    return reading
  }
}

function isIdle(agent: HttpAgent, socket: Socket): boolean {
  return Object.values(agent.freeSockets).some((idle) => idle?.includes(socket))
}

/** Closes the idle connections to the org, so that the next request opens a new one. */
function closeIdle(agent: HttpAgent, orgUrl: string): void {
  if (!hasPool(agent)) return
  const host = `${new URL(orgUrl).hostname.replace(/^\[|\]$/g, '')}:`
  for (const [name, sockets = []] of Object.entries(agent.freeSockets))
    if (name.startsWith(host)) for (const socket of [...sockets]) socket.destroy()
}

/** Proxy agents for https commonly extend http.Agent, which the client's types do not allow. */
function agentFor(orgUrl: string, agent: HttpsAgent | HttpAgent) {
  return orgUrl.startsWith('https:') ? { https: agent as HttpsAgent } : { http: agent }
}

type Ending = 'timeout' | 'aborted' | 'too_large'

/** One AbortController for the three ways to stop an exchange, and which of them stopped it. */
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

/** How a request was lost on a connection used before: it was not sent, or no byte of an answer came. */
type Lost = 'unsent' | 'unanswered'

/** Where requests are sent, parsed once. */
type Org = Pick<RequestOptions, 'protocol' | 'hostname' | 'port'>

function parseOrg(orgUrl: string): Org {
  const { protocol, hostname, port } = urlToHttpOptions(new URL(orgUrl))
  return { protocol, hostname, port }
}

/**
 * The native request, which the client makes without knowing its headers, its body and its path: the client
 * publishes what it knows on diagnostics channels, its errors with their requests included.
 */
function createNativeRequest(request: HttpRequest, org: Org) {
  let native: ClientRequest | undefined
  let head: Head | undefined
  let before: { readonly socket: Socket; readonly wrote: number; readonly read: number } | undefined
  let lost: Lost | undefined

  return {
    send(_url: URL, options: RequestOptions): ClientRequest {
      const headers = { ...Object(options.headers), ...headersOf(request) }
      const start = org.protocol === 'https:' ? httpsRequest : httpRequest
      native = start({ ...options, ...org, path: request.path, headers })
      native.once('socket', (socket) => {
        before = { socket, wrote: socket.bytesWritten, read: socket.bytesRead }
      })
      native.once('response', (response) => {
        head = { statusCode: response.statusCode ?? 0, rawHeaders: response.rawHeaders }
        // rawHeaders keeps them.
        Reflect.deleteProperty(response.headers, 'set-cookie')
      })
      if (request.body !== undefined) native.write(request.body.text)
      return native
    },

    /** Replaces an error of the client's, which holds the native request, before it is published. */
    strip(error: Error): Error {
      if (native?.reusedSocket && before !== undefined && head === undefined)
        lost = lostAs(error, before)
      return safeCause(error, textsOf(request))
    },

    get head() {
      return head
    },
    lost: () => lost,
  }
}

function lostAs(
  error: Error,
  {
    socket,
    wrote,
    read,
  }: { readonly socket: Socket; readonly wrote: number; readonly read: number },
): Lost | undefined {
  if (failureCode(error) !== 'reset' || socket.bytesRead !== read) return undefined
  // The system has refused the one write of a request as small as ours.
  const { cause } = error
  const isRefused = cause instanceof Error && 'syscall' in cause && cause.syscall === 'write'
  return isRefused || socket.bytesWritten === wrote ? 'unsent' : 'unanswered'
}

function headersOf({ headers, body }: HttpRequest): Record<string, string> {
  if (body === undefined) return { ...headers }
  const length = String(Buffer.byteLength(body.text))
  return { ...headers, 'content-type': body.type, 'content-length': length }
}

/** Everything of a request that could hold a secret. */
function textsOf(request: HttpRequest): string[] {
  return [request.path, request.body?.text ?? '', ...Object.values(request.headers ?? {})]
}

/** The client makes and publishes an error of any other status, though it does not throw it. */
function asSuccess(response: Response): Response {
  response.statusCode = 200
  return response
}

/** The answer whose body grew too long, without its body. */
function cutShort(head: Head | undefined): HttpAnswer | HttpFailure {
  return head === undefined ? { kind: 'failed', code: 'too_large' } : answered(head, undefined)
}

type Head = Pick<Response, 'statusCode' | 'rawHeaders'>

function answered(response: Head, body: Buffer | undefined): HttpAnswer {
  const headers = readHeaders(response.rawHeaders)
  return { kind: 'answered', status: response.statusCode, headers, body }
}

/** The code for an error of the HTTP client; an unknown error counts as `connect`. */
export function failureCode(error: unknown): UnavailableCode {
  const code = codeOf(error) ?? ''
  return CODES_BY_PATTERN.find(([pattern]) => pattern.test(code))?.[1] ?? 'connect'
}

const CODES_BY_PATTERN: readonly (readonly [RegExp, UnavailableCode])[] = [
  [/^(ENOTFOUND|EAI_\w+|ENODATA|ESERVFAIL|ENONAME)$/, 'dns'],
  [/^(ETIMEDOUT|ESOCKETTIMEDOUT)$/, 'timeout'],
  [/^(ECONNRESET|EPIPE|ECONNABORTED|ERR_STREAM_PREMATURE_CLOSE)$/, 'reset'],
  [/^(ERR_READING_RESPONSE_STREAM|ERR_HTTP_CONTENT_LENGTH_MISMATCH)$/, 'reset'],
  [/^HPE_HEADER_OVERFLOW$/, 'too_large'],
  [/^HPE_/, 'malformed'],
  [/^(ERR_TLS_|ERR_SSL_|CERT_|CRL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERROR_IN_)/, 'tls'],
  [/^(EPROTO|HOSTNAME_MISMATCH|INVALID_(CA|PURPOSE)|PATH_LENGTH_EXCEEDED)$/, 'tls'],
]

/** Node's own messages are shorter; a longer one quotes the names in a certificate. */
const MAX_MESSAGE_LENGTH = 2_048

/**
 * A new Error with the original's name, code and message and nothing else: the original holds the request
 * with its headers. The message is left out when it quotes a word of what was sent or is longer than any
 * of Node's.
 */
export function safeCause(error: unknown, sent: readonly string[]): Error {
  const code = codeOf(error)
  const message = messageOf(error)
  const isFit = message !== '' && message.length <= MAX_MESSAGE_LENGTH && !quotes(message, sent)
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
  // Where both IPv6 and IPv4 fail, Node's AggregateError has no message of its own.
  const inner = error.cause instanceof AggregateError ? error.cause.errors : []
  return inner.map((each: unknown) => messageOf(each)).join('; ')
}

function quotes(message: string, sent: readonly string[]): boolean {
  return wordsOf(sent).some((word) => message.includes(word))
}

/** The words that could be secrets: those of at least 8 characters. */
function wordsOf(sent: readonly string[]): string[] {
  return sent.flatMap((text) => text.split(/[\s"/?&=;,]+/)).filter((word) => word.length >= 8)
}
