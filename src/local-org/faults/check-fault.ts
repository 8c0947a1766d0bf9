/** Validates faults at run time, for JavaScript callers and for the control endpoint. */
import { validateHeaderName, validateHeaderValue } from 'node:http'
import type { Fault, FaultKind } from './fault.js'

/** @throws TypeError that says which fields a fault of that kind may have. */
export function checkFault(value: unknown): asserts value is Fault {
  if (typeof value !== 'object' || value === null) throw new TypeError('A fault must be an object')
  const kind = 'kind' in value ? value.kind : undefined
  if (typeof kind !== 'string' || !isFaultKind(kind)) {
    throw new TypeError(`A fault's kind must be one of ${Object.keys(FIELDS).join(', ')}`)
  }
  const fields: Fields = { ...FIELDS[kind], ...COMMON }
  for (const [name, given] of Object.entries(value)) {
    if (name === 'kind') continue
    const rule = Object.hasOwn(fields, name) ? fields[name] : undefined
    if (rule === undefined) throw new TypeError(`A fault of kind ${kind} has no ${name}`)
    if (!rule.holds(given)) throw new TypeError(`${name} of a fault must be ${rule.says}`)
  }
  const missing = (REQUIRED[kind] ?? []).find((name) => !Object.hasOwn(value, name))
  if (missing !== undefined) throw new TypeError(`A fault of kind ${kind} needs ${missing}`)
}

interface Rule {
  readonly says: string
  holds(value: unknown): boolean
}

type Fields = Readonly<Record<string, Rule>>

const text: Rule = { says: 'a string', holds: (value) => typeof value === 'string' }
const flag: Rule = { says: 'true or false', holds: (value) => typeof value === 'boolean' }
const json: Rule = { says: 'a JSON value', holds: isJson }
const headerText: Rule = { says: 'a valid header value', holds: (value) => isHeader('x', value) }
const headerTextOrNull: Rule = {
  says: 'a valid header value, or null',
  holds: (value) => value === null || isHeader('x', value),
}
const texts: Rule = {
  says: 'a list of strings',
  holds: (value) => Array.isArray(value) && value.every((item) => typeof item === 'string'),
}
const headerTexts: Rule = {
  says: 'a list of valid header values',
  holds: (value) => Array.isArray(value) && value.every((item) => isHeader('x', item)),
}
const object: Rule = {
  says: 'a JSON object',
  holds: (value) => isObject(value) && isJson(value),
}
const headers: Rule = {
  says: 'an object of header names and values',
  holds: (value) =>
    isObject(value) && Object.entries(value).every(([name, given]) => isHeader(name, given)),
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Checked here because Node would throw for it in the middle of an answer. */
function isHeader(name: string, value: unknown): boolean {
  if (typeof value !== 'string') return false
  try {
    validateHeaderName(name)
    validateHeaderValue(name, value)
    return true
  } catch {
    // Node's error says what is wrong; the caller's message says what is allowed.
    return false
  }
}

function isJson(value: unknown): boolean {
  try {
    return JSON.stringify(value) !== undefined
  } catch {
    // A circular structure or a BigInt.
    return false
  }
}

function wholeNumber(from: number, to: number): Rule {
  return {
    says: `a whole number from ${from} to ${to}`,
    holds: (value) => Number.isInteger(value) && Number(value) >= from && Number(value) <= to,
  }
}

const TEN_MINUTES = 600_000
const status = wholeNumber(200, 599)
const COMMON: Fields = { delayMs: wholeNumber(0, TEN_MINUTES) }

const FIELDS: Readonly<Record<FaultKind, Fields>> = {
  status: {
    status,
    errorCode: text,
    errorSummary: text,
    body: json,
    contentType: headerText,
    headers,
    performs: flag,
  },
  rate_limit: { performs: flag },
  concurrency_limit: { performs: flag },
  html: { status, performs: flag },
  redirect: { status: wholeNumber(300, 399), location: headerText, performs: flag },
  delay: {},
  malformed_body: {},
  huge_body: { bytes: wholeNumber(0, 256 * 1024 * 1024) },
  gzip_body: {},
  content_type: { contentType: headerTextOrNull },
  fields: { remove: texts, set: object },
  duplicate_headers: { names: texts },
  set_cookie: { lines: headerTexts },
  hang: { performs: flag },
  reset: { performs: flag },
  not_http: { performs: flag },
  slow_body: { overMs: wholeNumber(0, TEN_MINUTES) },
  truncated_body: {},
}

const REQUIRED: Readonly<Partial<Record<FaultKind, readonly string[]>>> = {
  status: ['status'],
  delay: ['delayMs'],
  slow_body: ['overMs'],
}

function isFaultKind(kind: string): kind is FaultKind {
  return Object.hasOwn(FIELDS, kind)
}
