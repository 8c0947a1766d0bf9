/** An error answer as the OktaApiError an application sees: Okta's envelope, the token endpoint's words, and the challenge. */

import type { AnswerHead } from '../contracts.js'
import { type Challenge, OktaApiError, type OktaApiErrorDetails } from '../errors.js'
import type { AnswerHeaders } from './answer-head.js'
import type { Answered } from './exchange.js'
import { isObject, type JsonObject, own, readJson } from './json-body.js'
import { type Clean, cleanerFor, type OperationSubject } from './redact.js'

/** A 4xx or 5xx; `okta` says whether its body was Okta's: a JSON object whose `errorCode` is E and seven digits. */
export function readApiError(
  question: OperationSubject,
  answer: Answered,
  head: AnswerHead,
): { readonly error: OktaApiError; readonly okta: boolean } {
  const body = readJson(answer)
  const clean = cleanerFor(question)
  const envelope = body.kind === 'json' ? readEnvelope(body.value, clean) : undefined
  const known =
    envelope ?? (body.kind === 'json' ? readTokenError(question, body.value, clean) : {})
  const challenge = cleanChallenge(parseChallenge(answer.headers), clean)
  const error = new OktaApiError(messageOf(question, head.status, known, challenge), {
    ...known,
    operation: question.operation,
    status: head.status,
    requestId: head.requestId,
    rateLimit: head.rateLimit,
    challenge,
  })
  return { error, okta: envelope !== undefined }
}

type Known = Omit<OktaApiErrorDetails, 'operation' | 'status'>

const ERROR_CODE = /^E\d{7}$/

function readEnvelope(body: unknown, clean: Clean): Known | undefined {
  if (!isObject(body)) return undefined
  const errorCode = text(body, 'errorCode')
  if (errorCode === undefined || !ERROR_CODE.test(errorCode)) return undefined
  return {
    errorCode,
    errorSummary: text(body, 'errorSummary', clean),
    errorLink: text(body, 'errorLink', clean),
    errorId: text(body, 'errorId', clean),
    errorCauses: readCauses(body, clean),
  }
}

function readCauses(body: JsonObject, clean: Clean): { readonly errorSummary: string }[] {
  const causes = own(body, 'errorCauses')
  if (!Array.isArray(causes)) return []
  return causes
    .map((cause: unknown) => (isObject(cause) ? text(cause, 'errorSummary', clean) : undefined))
    .filter((summary) => summary !== undefined)
    .map((errorSummary) => Object.freeze({ errorSummary }))
}

/** The token endpoint has OAuth's words for it (RFC 6749, 5.2). */
function readTokenError(question: OperationSubject, body: unknown, clean: Clean): Known {
  if (question.operation !== 'requestToken' || !isObject(body)) return {}
  return {
    errorCode: text(body, 'error', clean),
    errorSummary: text(body, 'error_description', clean),
  }
}

function text(from: JsonObject, key: string, clean: Clean = (same) => same): string | undefined {
  const value = own(from, key)
  return typeof value === 'string' && value !== '' ? clean(value) : undefined
}

function cleanChallenge(challenge: Challenge | undefined, clean: Clean): Challenge | undefined {
  if (challenge === undefined) return undefined
  const { error, scope } = challenge
  return Object.freeze({ error: clean(error), ...(scope !== undefined && { scope: clean(scope) }) })
}

function messageOf(
  question: OperationSubject,
  status: number,
  known: Known,
  challenge: Challenge | undefined,
): string {
  const parts = [known.errorCode, known.errorSummary].filter((part) => part !== undefined)
  if (parts.length === 0) parts.push("an answer without Okta's error body")
  if (challenge !== undefined) parts.push(`(${describeChallenge(challenge)})`)
  return `${question.operation}: ${status} ${parts.join(' ')}`
}

function describeChallenge({ error, scope }: Challenge): string {
  return scope === undefined ? error : `${error}: ${scope}`
}

/** More than any challenge of Okta's needs; nothing is read behind it. */
const LONGEST_LINE = 4_096

/** The first challenge that names an error; undefined when none does. */
export function parseChallenge(headers: AnswerHeaders): Challenge | undefined {
  for (const line of headers.get('www-authenticate') ?? []) {
    const found = challengeIn(line.slice(0, LONGEST_LINE))
    if (found !== undefined) return found
  }
  return undefined
}

/** A scheme (without a value) or a parameter of one. */
interface Part {
  readonly name: string
  readonly value?: string | undefined
}

function challengeIn(line: string): Challenge | undefined {
  let error: string | undefined
  let scope: string | undefined
  for (const { name, value } of partsOf(line)) {
    if (value === undefined) {
      // Without a value this is a scheme: the next challenge begins.
      if (error !== undefined) break
      scope = undefined
    } else if (name === 'error') error ??= value
    else if (name === 'scope') scope ??= value
  }
  if (error === undefined || error === '') return undefined
  return Object.freeze({ error, ...(scope !== undefined && scope !== '' && { scope }) })
}

const NAME = /[\w!#$%&'*+.^`|~-]+/y
const EQUALS = /[ \t]*=[ \t]*/y
const QUOTED = /"((?:[^"\\]|\\.)*)"/y
const BARE = /[^\s,"]*/y

/**
 * Reads from left to right and never goes back. A quoted text without an end is nobody's value, and what
 * stands behind its quotation mark can't be told apart from it: there the reading ends.
 */
function* partsOf(line: string): Generator<Part> {
  let at = 0
  const take = (pattern: RegExp) => {
    pattern.lastIndex = at
    const found = pattern.exec(line)
    if (found !== null) at = pattern.lastIndex
    return found
  }
  while (at < line.length) {
    const name = take(NAME)?.[0].toLowerCase()
    if (name === undefined) at += 1
    else if (take(EQUALS) === null) yield { name }
    else if (line[at] === '"') {
      const quoted = take(QUOTED)?.[1]
      if (quoted === undefined) return
      yield { name, value: quoted.replaceAll(/\\(.)/g, '$1') }
    } else yield { name, value: take(BARE)?.[0] ?? '' }
  }
}
