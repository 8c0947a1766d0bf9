/** Okta's Universal Logout: a signed call that ends all sessions of one user, received by sharedSignals(). */
import type { IncomingMessage } from 'node:http'
import type { Reply } from '../../public-types.js'
import type { Kit } from '../kit.js'
import { jsonOf, readPushBody } from '../push-body.js'
import { empty, problem } from '../reply.js'
import { applyInTime, noKeys, notRecorded, type TokenParties } from './push-handler.js'

const MAX_BODY_BYTES = 16 * 1_024

type ReceiveLogout = (req: IncomingMessage, token: string) => Promise<Reply> | Reply

/** The token is verified before the body is read. Each token is used once. */
export function createUniversalLogout(
  kit: Kit,
  clientId: string,
  parties: TokenParties,
): ReceiveLogout {
  return async function receiveLogout(req, token) {
    const bearer = await kit.pushes.logoutToken(token, { ...parties, now: kit.oktaNow() })
    if (bearer.kind === 'unavailable') return noKeys(bearer.retryAfterMs)
    if (bearer.kind === 'refused') return refused(kit, bearer.description)
    if (bearer.clientId !== clientId)
      return problem({ status: 403, code: 'other_client', detail: CLIENT_DETAIL })
    const body = await readPushBody(req, MAX_BODY_BYTES)
    if ('fault' in body) return problem({ ...body.fault })
    const subjects = kit.pushes.logoutSubject(jsonOf(body), parties.issuers)
    if (subjects === 'malformed')
      return problem({ status: 400, code: 'invalid_request', detail: SUBJECT_DETAIL })
    if (subjects === 'unmapped')
      return problem({ status: 422, code: 'subject_not_supported', detail: FORMAT_DETAIL })
    if (!kit.pushed.useToken(bearer.id)) return refused(kit, 'The token was used before.')
    // The id of the token alone tells a second delivery.
    const isApplied = await applyInTime(kit, [{ id: undefined, subjects }])
    if (!isApplied) kit.pushed.giveTokenBack(bearer.id)
    return isApplied ? empty() : notRecorded(kit)
  }
}

/** Without the option: 404, and the log says what to set. */
export function refuseLogouts(kit: Kit): ReceiveLogout {
  return function refuseLogout() {
    kit.logMisuse({ code: 'not_configured', detail: OPTION_DETAIL }, { handler: 'sharedSignals' })
    return problem({ status: 404, code: 'not_configured', detail: OPTION_DETAIL })
  }
}

function refused(kit: Kit, detail: string): Reply {
  kit.logMisuse({ code: 'invalid_token', detail }, { handler: 'sharedSignals' })
  const headers = { 'www-authenticate': 'Bearer error="invalid_token"' }
  return problem({ status: 401, code: 'invalid_token', detail }, headers)
}

const CLIENT_DETAIL = 'The token was issued to another client than universalLogout.clientId.'
const SUBJECT_DETAIL = 'The body is no JSON object with a sub_id in a format of RFC 9493.'
const FORMAT_DETAIL =
  'sub_id must name a user or session of this org: iss_sub, email, opaque, or a complex subject or aliases of these.'
const OPTION_DETAIL =
  'Universal Logout is not configured: give sharedSignals() the option universalLogout.'
