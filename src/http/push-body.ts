/** Reads the body of a push: from the unread stream, bounded in bytes and time, or from what a body parser left. */
import type { IncomingMessage } from 'node:http'
import { type BodyFault, readText, tooLarge } from './body.js'
import { header } from './request.js'

export type PushBody =
  | { readonly text: string }
  /** A body parser has read it as JSON. */
  | { readonly value: unknown }
  | { readonly fault: PushBodyFault }

export interface PushBodyFault extends Omit<BodyFault, 'status'> {
  readonly status: BodyFault['status'] | 408
}

/** Okta waits for 3 s in all: a body that takes longer is of no use. */
const MAX_BODY_MS = 2_500

export async function readPushBody(req: IncomingMessage, maxBytes: number): Promise<PushBody> {
  const parsed: unknown = 'body' in req ? req.body : undefined
  if (req.readableDidRead) return parsed === undefined ? READ_BEFORE : fromParser(parsed, maxBytes)
  // A gateway may hand the body over without a stream; a body parser leaves {} for a type that it does not read.
  if (typeof parsed === 'string' || ArrayBuffer.isView(parsed)) return fromParser(parsed, maxBytes)
  if (Number(header(req, 'content-length') ?? 0) > maxBytes) return tooLarge(maxBytes)
  const body = await inTime(readText(req, maxBytes), MAX_BODY_MS, TOO_SLOW)
  return typeof body === 'string' ? { text: body } : body
}

/** What the work resolves with, or `late` where it takes longer. The work goes on. */
export async function inTime<T, L>(work: Promise<T>, ms: number, late: L): Promise<T | L> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<L>((resolve) => {
    timer = setTimeout(() => resolve(late), ms)
  })
  try {
    return await Promise.race([work, timeout])
  } finally {
    clearTimeout(timer)
  }
}

/** The body as JSON; undefined where it is none. */
export function jsonOf(body: { readonly text: string } | { readonly value: unknown }): unknown {
  if ('value' in body) return body.value
  try {
    return JSON.parse(body.text)
  } catch {
    // The parser's message quotes the body.
    return undefined
  }
}

function fromParser(parsed: unknown, maxBytes: number): PushBody {
  if (typeof parsed === 'string')
    return Buffer.byteLength(parsed) > maxBytes ? tooLarge(maxBytes) : { text: parsed }
  if (!ArrayBuffer.isView(parsed)) return { value: parsed }
  if (parsed.byteLength > maxBytes) return tooLarge(maxBytes)
  return {
    text: new TextDecoder().decode(
      new Uint8Array(parsed.buffer, parsed.byteOffset, parsed.byteLength),
    ),
  }
}

const READ_BEFORE: PushBody = {
  fault: {
    status: 400,
    code: 'body_already_read',
    detail:
      'The body was read before this handler and is not on req.body: mount the handler in front of what reads it, or use express.json() or express.text().',
  },
}

const TOO_SLOW: PushBody = {
  fault: { status: 408, code: 'body_too_slow', detail: 'The body did not arrive in time.' },
}
