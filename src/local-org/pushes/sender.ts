/** Sends one request to a receiver: a bounded answer, a time limit, no redirect, no connection kept. */
import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'

export interface PushRequest {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

export type PushAnswer =
  | { readonly status: number; readonly body: string; readonly error?: undefined }
  /** `timeout`, `closed`, or the code of a network error such as `ECONNREFUSED`. */
  | { readonly status?: undefined; readonly error: string }

const MAX_ANSWER_BYTES = 64 * 1024

export class Sender {
  readonly #timeoutMs: number
  readonly #requests = new Set<ClientRequest>()
  readonly #endWaits = new Set<() => void>()
  #closed = false

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs
  }

  get isClosed(): boolean {
    return this.#closed
  }

  /** Never rejects. The time limit covers the whole answer. */
  send({ method, url, headers, body = '' }: PushRequest): Promise<PushAnswer> {
    if (this.#closed) return Promise.resolve({ error: 'closed' })
    return new Promise((resolve) => {
      const start = url.startsWith('https:') ? requestHttps : requestHttp
      const request = start(url, {
        method,
        headers: withLength(method, headers, body),
        agent: false,
      })
      let timedOut = false
      const timer = setTimeout(() => {
        timedOut = true
        request.destroy()
      }, this.#timeoutMs)
      const settle = (answer: PushAnswer): void => {
        clearTimeout(timer)
        this.#requests.delete(request)
        resolve(answer)
        request.destroy()
      }
      const fail = (error?: Error): void =>
        settle({ error: timedOut ? 'timeout' : this.#closed ? 'closed' : codeOf(error) })
      this.#requests.add(request)
      request.on('error', fail)
      request.on('close', fail)
      request.on('response', (response) => readAnswer(response, settle, fail))
      request.end(body)
    })
  }

  /** Resolves after `ms` milliseconds, or when the sender closes. */
  wait(ms: number): Promise<void> {
    if (this.#closed) return Promise.resolve()
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer)
        this.#endWaits.delete(end)
        resolve()
      }
      const timer = setTimeout(end, ms)
      this.#endWaits.add(end)
    })
  }

  /** Ends every request and every wait; later ones end at once. */
  close(): void {
    this.#closed = true
    for (const request of this.#requests) request.destroy()
    for (const end of this.#endWaits) end()
  }
}

function withLength(
  method: 'GET' | 'POST',
  headers: Readonly<Record<string, string>>,
  body: string,
): Record<string, string> {
  const length = method === 'POST' && { 'content-length': String(Buffer.byteLength(body)) }
  return { ...headers, ...length }
}

/** Reads the first {@link MAX_ANSWER_BYTES} of an answer. */
function readAnswer(
  response: IncomingMessage,
  settle: (answer: PushAnswer) => void,
  fail: (error?: Error) => void,
): void {
  const chunks: Buffer[] = []
  let length = 0
  const finish = (): void =>
    settle({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() })
  response.on('data', (chunk: Buffer) => {
    chunks.push(chunk.subarray(0, MAX_ANSWER_BYTES - length))
    length += chunk.length
    if (length >= MAX_ANSWER_BYTES) finish()
  })
  response.on('end', finish)
  response.on('error', fail)
}

function codeOf(error: Error | undefined): string {
  return error !== undefined && 'code' in error ? String(error.code) : 'connection_closed'
}
