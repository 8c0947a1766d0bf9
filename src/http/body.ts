/** Reads the few fields our handlers take, from a parsed body or from the unread stream, and nothing larger. */

import type { IncomingMessage } from 'node:http'
import type { ProblemCode } from '../codes.js'
import type { RequestLike } from '../public-types.js'
import { header, wantsPage } from './request.js'

export const MAX_BODY_BYTES = 16 * 1_024

/** Strings by field name; a field that is given twice is a fault. */
export type Fields = ReadonlyMap<string, string>

/** Why there are no fields, in the words of the answer. */
export interface BodyFault {
  readonly status: 400 | 413 | 415
  readonly code: ProblemCode
  readonly detail: string
}

export type ReadFields = { readonly fields: Fields } | { readonly fault: BodyFault }

const nothing: ReadFields = { fields: new Map() }

/**
 * JSON or a form, 16 KiB at most: `req.body` where a parser has left the fields, else the unread stream.
 * A body that was read and not left on `req.body` is a fault that says so.
 */
export async function readFields(
  req: IncomingMessage,
  names: readonly string[],
): Promise<ReadFields> {
  if (Number(header(req, 'content-length') ?? 0) > MAX_BODY_BYTES) return bodyTooLarge
  const parsed: unknown = 'body' in req ? req.body : undefined
  if (
    isParsed(parsed) &&
    (req.readableDidRead || names.some((name) => Object.hasOwn(parsed, name)))
  )
    return pick(parsed, names)
  if (!hasBody(req)) return nothing
  if (req.readableDidRead)
    return fault(
      400,
      'body_already_read',
      'The body was read before this handler and is not on req.body: mount it in front of what reads it, or use express.json() or express.urlencoded().',
    )
  const type = mediaType(req)
  if (type !== 'application/json' && type !== 'application/x-www-form-urlencoded')
    return fault(
      415,
      'unsupported_media_type',
      'Send application/json or application/x-www-form-urlencoded.',
    )
  const text = await readText(req)
  if (typeof text !== 'string') return text
  return type === 'application/json' ? fromJson(text, names) : fromForm(text, names)
}

export function hasBody(req: IncomingMessage): boolean {
  if (header(req, 'transfer-encoding') !== undefined) return true
  return Number(header(req, 'content-length') ?? 0) > 0 || streamGoesOn(req)
}

/** HTTP/2 announces a body by no header: the stream is still open after the headers. */
function streamGoesOn(req: IncomingMessage): boolean {
  const stream: unknown = 'stream' in req ? req.stream : undefined
  if (typeof stream !== 'object' || stream === null) return false
  return 'endAfterHeaders' in stream && stream.endAfterHeaders === false
}

/**
 * Whether a person sent a form, or a script made the post. Browsers say it in Sec-Fetch-Mode; elsewhere a
 * form is what is encoded as one and does not ask for JSON.
 */
export function isFormPost(req: RequestLike): boolean {
  if (header(req, 'sec-fetch-mode') !== undefined) return wantsPage(req)
  if (mediaType(req) !== 'application/x-www-form-urlencoded') return wantsPage(req)
  return wantsPage(req) || !(header(req, 'accept') ?? '').includes('application/json')
}

/**
 * Whether a body is left unread that may go on for long. The answer then has to end the connection: Node
 * would read the rest to reuse it.
 */
export function leavesBodyUnread(req: IncomingMessage): boolean {
  if (req.complete) return false
  const length = header(req, 'content-length')
  return length === undefined ? hasBody(req) : Number(length) > MAX_BODY_BYTES
}

/** The type of a body, without its parameters. */
export function mediaType(req: RequestLike): string {
  return (header(req, 'content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
}

/** The unread stream as text, `maxBytes` at most. */
export async function readText(
  req: IncomingMessage,
  maxBytes = MAX_BODY_BYTES,
): Promise<string | { readonly fault: BodyFault }> {
  const encoding = header(req, 'content-encoding') ?? 'identity'
  if (encoding !== 'identity')
    return fault(415, 'unsupported_media_type', 'Send the body without a content encoding.')
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of req.iterator({ destroyOnReturn: false })) {
      const bytes = Buffer.from(chunk)
      length += bytes.length
      if (length > maxBytes) return tooLarge(maxBytes)
      chunks.push(bytes)
    }
  } catch {
    // The client is gone: the answer is not read.
    return fault(400, 'invalid_request', 'The body ended early.')
  }
  // Without a byte order mark, which some clients send and JSON.parse does not take.
  return new TextDecoder().decode(Buffer.concat(chunks))
}

function fromJson(text: string, names: readonly string[]): ReadFields {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    // The parser's message quotes the body, which holds a credential.
    return fault(400, 'invalid_request', 'The body is not JSON.')
  }
  if (!isParsed(body)) return fault(400, 'invalid_request', 'The body is not a JSON object.')
  const keys = outermostKeys(text)
  for (const name of names) if (keys.indexOf(name) !== keys.lastIndexOf(name)) return twice(name)
  return pick(body, names)
}

/** Strings and structure, in JSON that has been parsed. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:]/g

/** The keys of the outermost object, each as often as it is given: JSON.parse keeps the last of a name. */
function outermostKeys(json: string): readonly string[] {
  const keys: string[] = []
  let depth = 0
  let text = ''
  for (const [token] of json.matchAll(TOKEN)) {
    if (token === '{' || token === '[') depth += 1
    else if (token === '}' || token === ']') depth -= 1
    else if (token !== ':') text = token
    // A key may be spelled with escapes, and stays the same key.
    else if (depth === 1) keys.push(String(JSON.parse(text)))
  }
  return keys
}

function fromForm(text: string, names: readonly string[]): ReadFields {
  const form = new URLSearchParams(text)
  for (const name of names) if (form.getAll(name).length > 1) return twice(name)
  return pick(Object.fromEntries(form), names)
}

function pick(body: object, names: readonly string[]): ReadFields {
  const fields = new Map<string, string>()
  let length = 0
  for (const [name, value] of Object.entries(body)) {
    if (!names.includes(name) || value === undefined || value === null) continue
    if (Array.isArray(value)) return twice(name)
    if (typeof value !== 'string') return fault(400, 'invalid_request', `${name} is a string.`)
    length += Buffer.byteLength(value)
    fields.set(name, value)
  }
  return length > MAX_BODY_BYTES ? bodyTooLarge : { fields }
}

function twice(name: string) {
  return fault(400, 'invalid_request', `${name} is given twice.`)
}

/** The answer to a body that is longer than it may be. */
export function tooLarge(maxBytes: number) {
  return fault(413, 'body_too_large', `The body may have ${maxBytes} bytes.`)
}

function fault(status: BodyFault['status'], code: ProblemCode, detail: string) {
  return { fault: { status, code, detail } }
}

/** Fields by name, and not the bytes or the text of a body. */
function isParsed(value: unknown): value is object {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !ArrayBuffer.isView(value)
  )
}

const bodyTooLarge = tooLarge(MAX_BODY_BYTES)
