/** sharedSignals(): the receiver of pushed Security Event Tokens (RFC 8935), and of Universal Logout where it is expected. */

import type { IncomingMessage } from 'node:http'
import type { ProblemCode } from '../../codes.js'
import type { Handler, Reply, SharedSignalsOptions } from '../../public-types.js'
import { mediaType } from '../body.js'
import { checkedOptions } from '../handler-options.js'
import type { Kit } from '../kit.js'
import { type PushBodyFault, readPushBody } from '../push-body.js'
import { json, methodNotAllowed } from '../reply.js'
import { header } from '../request.js'
import {
  applyInTime,
  createNotes,
  createPushHandler,
  noKeys,
  notRecorded,
  type TokenParties,
} from './push-handler.js'
import { createUniversalLogout, refuseLogouts } from './universal-logout.js'

const EVENT_TYPE = 'application/secevent+jwt'
const AUTHORIZATION = /^authorization$/i
const MAX_TOKEN_BYTES = 64 * 1_024

/** A Security Event Token is told from a logout by its content type, and once more by the `typ` of the token. */
export function createSharedSignals(kit: Kit, options: SharedSignalsOptions): Handler {
  const { audience, issuer, universalLogout } = checkedOptions('sharedSignals', options)
  const issuers = listOf(issuer ?? kit.settings.api.orgUrl)
  const audiences = listOf(audience)
  const receiveEvent = createEventReceiver(kit, { issuers, audiences })
  const receiveLogout =
    universalLogout === undefined
      ? refuseLogouts(kit)
      : createUniversalLogout(kit, universalLogout.clientId, {
          issuers,
          audiences: listOf(universalLogout.audience ?? audiences),
        })

  return createPushHandler(kit, 'sharedSignals', (req) => {
    if (req.method !== 'POST') return methodNotAllowed('POST', METHOD_DETAIL)
    if (mediaType(req) === EVENT_TYPE) return receiveEvent(req)
    const token = bearerOf(req)
    return token === undefined
      ? refused(kit, 'invalid_request', TYPE_DETAIL)
      : receiveLogout(req, token)
  })
}

function createEventReceiver(kit: Kit, parties: TokenParties) {
  const note = createNotes(kit)
  return async function receiveEvent(req: IncomingMessage): Promise<Reply> {
    const body = await readPushBody(req, MAX_TOKEN_BYTES)
    if ('fault' in body) return faultyBody(kit, body.fault)
    if (!('text' in body)) return refused(kit, 'invalid_request', PARSED_DETAIL)
    const expected = { ...parties, now: kit.oktaNow() }
    const event = await kit.pushes.securityEvent(body.text.trim(), expected)
    if (event.kind === 'unavailable') return noKeys(event.retryAfterMs)
    if (event.kind === 'refused') return refused(kit, event.fault, event.description)
    if (event.hasUnmapped) note('EOS145', UNMAPPED)
    return (await applyInTime(kit, [event])) ? ACCEPTED : notRecorded(kit)
  }
}

const ACCEPTED: Reply = { status: 202, headers: { 'content-length': '0' }, body: '' }

/** The error body of RFC 8935, section 2.3. */
function refused(kit: Kit, err: ProblemCode, description: string): Reply {
  kit.logMisuse({ code: err, detail: description }, { handler: 'sharedSignals' })
  return json(400, { err, description }, { 'content-language': 'en' })
}

function faultyBody(kit: Kit, { status, detail }: PushBodyFault): Reply {
  const reply = refused(kit, 'invalid_request', detail)
  return status === 413 || status === 408 ? { ...reply, status } : reply
}

/** Of two Authorization headers Node keeps the first: neither counts. */
function bearerOf(req: IncomingMessage): string | undefined {
  const sent = req.rawHeaders.filter((name, at) => at % 2 === 0 && AUTHORIZATION.test(name))
  if (sent.length > 1) return undefined
  return /^Bearer +([\w.~+/=-]+)$/i.exec(header(req, 'authorization') ?? '')?.[1]
}

function listOf(one: string | readonly string[] | undefined): readonly string[] {
  if (one === undefined) return []
  return typeof one === 'string' ? [one] : [...one]
}

const METHOD_DETAIL = 'sharedSignals() answers POST alone.'
const TYPE_DETAIL =
  'Send a Security Event Token as application/secevent+jwt, or a Universal Logout with Authorization: Bearer.'
const PARSED_DETAIL = 'The body was read by a JSON parser and is no token.'
const UNMAPPED =
  'A security event names its subject in a format that is no user, login or session of this org: it revokes nothing'
