/** sharedSignals(): the receiver of pushed Security Event Tokens (RFC 8935) and of Universal Logout. */
import type { IncomingMessage } from 'node:http'
import type { ExpectedToken, RefusedToken } from '../../contracts.js'
import type { Handler, Reply, SharedSignalsOptions } from '../../public-types.js'
import { mediaType } from '../body.js'
import { checkedOptions } from '../handler-options.js'
import type { Kit } from '../kit.js'
import { jsonOf, type PushBodyFault, readPushBody } from '../push-body.js'
import { empty, json, methodNotAllowed, problem } from '../reply.js'
import { header } from '../request.js'
import {
  applyInTime,
  createNotes,
  createPushHandler,
  notRecorded,
  unavailable,
} from './push-handler.js'

const EVENT_TYPE = 'application/secevent+jwt'
const MAX_TOKEN_BYTES = 64 * 1_024
const MAX_LOGOUT_BYTES = 16 * 1_024

/** A Security Event Token is told from a logout by its content type, and once more by the `typ` of the token. */
export function createSharedSignals(kit: Kit, options: SharedSignalsOptions): Handler {
  const checked = checkedOptions('sharedSignals', options)
  const issuers = listOf(checked.issuer ?? kit.settings.api.orgUrl)
  const audiences = listOf(checked.audience)
  const logout = checked.universalLogout && {
    clientId: checked.universalLogout.clientId,
    audiences: listOf(checked.universalLogout.audience ?? audiences),
  }
  const note = createNotes(kit)

  return createPushHandler(kit, 'sharedSignals', (req) => {
    if (req.method !== 'POST') return methodNotAllowed('POST', METHOD_DETAIL)
    if (mediaType(req) === EVENT_TYPE) return receiveEvent(req)
    const token = bearerOf(req)
    if (token === undefined) return refusedEvent('invalid_request', TYPE_DETAIL)
    return logout === undefined ? notExpected() : receiveLogout(req, token, logout)
  })

  async function receiveEvent(req: IncomingMessage): Promise<Reply> {
    const body = await readPushBody(req, MAX_TOKEN_BYTES)
    if ('fault' in body) return faultyBody(body.fault)
    if (!('text' in body)) return refusedEvent('invalid_request', PARSED_DETAIL)
    const event = await kit.pushes.securityEvent(body.text.trim(), expected(audiences))
    if (event.kind === 'unavailable') return noKeys(event.retryAfterMs)
    if (event.kind === 'refused') return refusedEvent(event.fault, event.description)
    if (event.hasUnmapped)
      note(
        'A security event names its subject in a format that is no user, login or session of this org, so that it revokes nothing',
      )
    return (await applyInTime(kit, [{ ...event, id: `set:${event.id}` }]))
      ? accepted()
      : notRecorded()
  }

  async function receiveLogout(
    req: IncomingMessage,
    token: string,
    { clientId, audiences: own }: NonNullable<typeof logout>,
  ): Promise<Reply> {
    const bearer = await kit.pushes.logoutToken(token, expected(own))
    if (bearer.kind === 'unavailable') return noKeys(bearer.retryAfterMs)
    if (bearer.kind === 'refused') return refusedLogout(bearer)
    if (bearer.clientId !== clientId)
      return problem({ status: 403, code: 'other_client', detail: CLIENT_DETAIL })
    const body = await readPushBody(req, MAX_LOGOUT_BYTES)
    if ('fault' in body) return problem({ ...body.fault })
    const subjects = kit.pushes.logoutSubject(jsonOf(body), issuers)
    if (subjects === 'malformed')
      return problem({ status: 400, code: 'invalid_request', detail: SUBJECT_DETAIL })
    if (subjects === 'unmapped')
      return problem({ status: 422, code: 'subject_not_supported', detail: FORMAT_DETAIL })
    const { pushed } = kit
    if (!pushed.useToken(bearer.id))
      return refusedLogout({ description: 'The token was used before.' })
    // Each token is used once: its id alone tells a second delivery.
    const isApplied = await applyInTime(kit, [{ id: undefined, subjects }])
    if (!isApplied) pushed.giveTokenBack(bearer.id)
    return isApplied ? empty() : notRecorded()
  }

  function expected(of: readonly string[]): ExpectedToken {
    return { issuers, audiences: of, now: kit.oktaNow() }
  }

  function refusedEvent(err: string, description: string): Reply {
    kit.logMisuse({ code: err, detail: description }, { handler: 'sharedSignals' })
    return json(400, { err, description }, { 'content-language': 'en' })
  }

  function faultyBody({ status, detail }: PushBodyFault): Reply {
    const reply = refusedEvent('invalid_request', detail)
    return status === 413 || status === 408 ? { ...reply, status } : reply
  }

  function refusedLogout({ description: detail }: Pick<RefusedToken, 'description'>): Reply {
    kit.logMisuse({ code: 'invalid_token', detail }, { handler: 'sharedSignals' })
    const headers = { 'www-authenticate': 'Bearer error="invalid_token"' }
    return problem({ status: 401, code: 'invalid_token', detail }, headers)
  }

  function notExpected(): Reply {
    kit.logMisuse({ code: 'not_configured', detail: LOGOUT_DETAIL }, { handler: 'sharedSignals' })
    return problem({ status: 404, code: 'not_configured', detail: LOGOUT_DETAIL })
  }
}

function accepted(): Reply {
  return { status: 202, headers: { 'content-length': '0' }, body: '' }
}

function noKeys(forMs: number): Reply {
  const detail =
    "The org's keys could not be fetched, so that the token can't be verified: send it again."
  return unavailable('keys_unavailable', detail, forMs)
}

function bearerOf(req: IncomingMessage): string | undefined {
  return /^Bearer +([\w.~+/=-]+)$/i.exec(header(req, 'authorization') ?? '')?.[1]
}

function listOf(one: string | readonly string[] | undefined): readonly string[] {
  if (one === undefined) return []
  return typeof one === 'string' ? [one] : one
}

const METHOD_DETAIL = 'sharedSignals() answers POST alone.'
const TYPE_DETAIL =
  'Send a Security Event Token as application/secevent+jwt, or a Universal Logout with Authorization: Bearer.'
const PARSED_DETAIL = 'The body was read by a JSON parser and is no token.'
const CLIENT_DETAIL = 'The token was issued to another client than universalLogout.clientId.'
const SUBJECT_DETAIL = 'The body is no JSON object with a sub_id in a format of RFC 9493.'
const FORMAT_DETAIL = 'sub_id must be iss_sub of this org, email or opaque.'
const LOGOUT_DETAIL =
  'Universal Logout is not configured: give sharedSignals() the option universalLogout.'
