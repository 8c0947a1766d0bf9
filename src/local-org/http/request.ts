/** The parts of a request that handlers read, and how they read its body. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'

export interface OrgRequest {
  readonly method: string
  /** As sent, still percent-encoded, without the query. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  /** Reads the body. Resolves to undefined when it is longer than {@link MAX_BODY_BYTES} or not UTF-8. */
  readText(): Promise<string | undefined>
}

export const MAX_BODY_BYTES = 64 * 1024

export function toOrgRequest(req: IncomingMessage): OrgRequest {
  const target = req.url ?? '/'
  const queryStart = target.indexOf('?')
  return {
    method: req.method ?? 'GET',
    path: queryStart === -1 ? target : target.slice(0, queryStart),
    get query() {
      return new URLSearchParams(queryStart === -1 ? '' : target.slice(queryStart + 1))
    },
    headers: req.headers,
    readText: () => readText(req),
  }
}

/** The fields of a posted form; undefined for another content type. */
export async function readForm(request: OrgRequest): Promise<URLSearchParams | undefined> {
  if (!isContentType(request, 'application/x-www-form-urlencoded')) return undefined
  const text = await request.readText()
  return text === undefined ? undefined : new URLSearchParams(text)
}

/** A posted JSON object; undefined when the body is none. */
export async function readJsonObject(
  request: OrgRequest,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const text = await request.readText()
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    // Not JSON: the caller answers with Okta's error for a malformed body.
    return undefined
  }
}

export function isContentType(request: OrgRequest, type: string): boolean {
  return request.headers['content-type']?.split(';')[0]?.trim().toLowerCase() === type
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
    // Discards the rest instead of stopping, so that the connection stays open for the answer.
    if (length <= MAX_BODY_BYTES) chunks.push(bytes)
  }
  if (length > MAX_BODY_BYTES) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
  } catch {
    // Not UTF-8: callers treat undefined as a malformed body.
    return undefined
  }
}
