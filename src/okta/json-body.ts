/** The body of an answer as JSON of unknown shape, or why there is none. */
import type { UnavailableCode } from '../errors.js'
import { soleValue } from './answer-head.js'
import type { Answered } from './exchange.js'

export type JsonBody =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'unusable'; readonly code: UnavailableCode }

/** The whole body as JSON: not encoded, called JSON by its one content type, UTF-8, and at most 64 KiB. */
export function readJson(answer: Answered): JsonBody {
  if (isEncoded(answer)) return { kind: 'unusable', code: 'encoding' }
  if (answer.body === undefined) return { kind: 'unusable', code: 'too_large' }
  if (!JSON_TYPE.test(soleValue(answer.headers, 'content-type') ?? ''))
    return { kind: 'unusable', code: 'content_type' }
  try {
    return { kind: 'json', value: JSON.parse(UTF_8.decode(answer.body)) }
  } catch {
    // The parser's message quotes the body, which is why it is not kept.
    return { kind: 'unusable', code: 'malformed' }
  }
}

const JSON_TYPE = /^application\/(json|[\w.-]+\+json)\s*(;|$)/i
const UTF_8 = new TextDecoder('utf-8', { fatal: true })

/** Identity was asked for; anything else was not decoded, however small it looks. */
function isEncoded(answer: Answered): boolean {
  const encodings = answer.headers.get('content-encoding') ?? []
  return encodings.some((encoding) => encoding.trim().toLowerCase() !== 'identity')
}

export type JsonObject = Readonly<Record<string, unknown>>

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Never an inherited property: neither of JSON's making nor of a prototype someone has tampered with. */
export function own(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined
}
