/** What is asked of the org: the parts of a request its handlers look at, and how they read a body. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'

export interface Ask {
  readonly method: string
  /** As sent, percent-encoding and all, without the query. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  /** Reads the body; undefined when it is longer than {@link MAX_BODY_BYTES} or not UTF-8. */
  readText(): Promise<string | undefined>
}

export const MAX_BODY_BYTES = 64 * 1024

export function toAsk(req: IncomingMessage): Ask {
  const target = req.url ?? '/'
  const mark = target.indexOf('?')
  return {
    method: req.method ?? 'GET',
    path: mark === -1 ? target : target.slice(0, mark),
    get query() {
      return new URLSearchParams(mark === -1 ? '' : target.slice(mark + 1))
    },
    headers: req.headers,
    readText: () => readText(req),
  }
}

/** The fields of a posted form; undefined when the body is something else. */
export async function readForm(ask: Ask): Promise<URLSearchParams | undefined> {
  if (!isContentType(ask, 'application/x-www-form-urlencoded')) return undefined
  const text = await ask.readText()
  return text === undefined ? undefined : new URLSearchParams(text)
}

/** A posted JSON object; undefined when the body is something else. */
export async function readJsonObject(
  ask: Ask,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const text = await ask.readText()
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    // Not JSON: the caller answers as Okta does for a malformed body.
    return undefined
  }
}

export function isContentType(ask: Ask, type: string): boolean {
  return ask.headers['content-type']?.split(';')[0]?.trim().toLowerCase() === type
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

async function readText(req: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of req) {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk))
    length += bytes.length
    // Read on to the end, keeping nothing, so that the answer finds an open connection.
    if (length <= MAX_BODY_BYTES) chunks.push(bytes)
  }
  if (length > MAX_BODY_BYTES) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
  } catch {
    // Not UTF-8: no text, which callers treat as a malformed body.
    return undefined
  }
}
