/** eventHook(): the receiver of Okta's event hooks. */
import { hash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { EventHookOptions, Handler, Reply } from '../../public-types.js'
import { checkedOptions } from '../handler-options.js'
import type { Kit } from '../kit.js'
import { jsonOf, readPushBody } from '../push-body.js'
import { empty, json, methodNotAllowed, problem } from '../reply.js'
import { header } from '../request.js'
import { applyInTime, createNotes, createPushHandler, notRecorded } from './push-handler.js'

const MAX_BODY_BYTES = 1_048_576
const SHORT_SECRET = 16
/** Longer than any challenge of Okta's. */
const MAX_CHALLENGE = 4_096

/**
 * GET answers the one-time verification. POST needs the secret, which is checked before the body is read, and
 * is answered once every instance will see the revocations.
 */
export function createEventHook(kit: Kit, options: EventHookOptions): Handler {
  const { secret, header: secretHeader } = checkedOptions('eventHook', options)
  const secrets = typeof secret === 'string' ? [secret] : secret
  const isSecret = createSecretCheck(secrets)
  const note = createNotes(kit)
  if (secrets.some(({ length }) => length < SHORT_SECRET))
    note(
      'EOS142',
      `eventHook(): the secret has less than ${SHORT_SECRET} characters and may be guessed`,
    )

  return createPushHandler(kit, 'eventHook', (req) => {
    const given = soleHeader(req, secretHeader.toLowerCase())
    if (req.method === 'GET' || req.method === 'HEAD') return verification(req, given)
    if (req.method !== 'POST') return methodNotAllowed('GET, HEAD, POST', METHOD_DETAIL)
    if (given === undefined || !isSecret(given)) return wrongSecret(given)
    return receive(req)
  })

  /** Whether Okta sends the secret with its verification is not documented. */
  function verification(req: IncomingMessage, given: string | undefined): Reply {
    const challenge = header(req, 'x-okta-verification-challenge')
    if (challenge === undefined || challenge === '' || challenge.length > MAX_CHALLENGE)
      return problem({ status: 400, code: 'challenge_missing', detail: CHALLENGE_DETAIL })
    if (given !== undefined && !isSecret(given))
      note(
        'EOS143',
        'An event hook was verified with another secret than that of eventHook(): its events will be refused',
      )
    return json(200, { verification: challenge })
  }

  function wrongSecret(given: string | undefined): Reply {
    const detail = given === undefined ? MISSING_DETAIL : WRONG_DETAIL
    kit.logMisuse({ code: 'invalid_secret', detail }, { handler: 'eventHook' })
    return problem({ status: 401, code: 'invalid_secret', detail })
  }

  async function receive(req: IncomingMessage): Promise<Reply> {
    const body = await readPushBody(req, MAX_BODY_BYTES)
    if ('fault' in body) return problem({ ...body.fault })
    const events = kit.pushes.hookEvents(jsonOf(body))
    if (events === undefined)
      return problem({ status: 400, code: 'invalid_request', detail: BODY_DETAIL })
    if (events.malformed > 0)
      note(
        'EOS144',
        'An event hook delivered events that are malformed, or that revoke a session and name none',
      )
    return (await applyInTime(kit, events.pushes)) ? empty() : notRecorded(kit)
  }
}

/** Compares digests, each of them, so that the time tells nothing of a secret. */
function createSecretCheck(secrets: readonly string[]): (given: string) => boolean {
  const digests = secrets.map(digestOf)
  return (given) => {
    const digest = digestOf(given)
    return digests.filter((one) => timingSafeEqual(one, digest)).length > 0
  }
}

function digestOf(secret: string): Buffer {
  return hash('sha256', secret, 'buffer')
}

/** The value of a header sent once. Node keeps the first of two, or joins them. */
function soleHeader(req: IncomingMessage, name: string): string | undefined {
  const names = req.rawHeaders.filter((each, at) => at % 2 === 0 && each.toLowerCase() === name)
  return names.length > 1 ? '' : header(req, name)
}

const METHOD_DETAIL =
  'eventHook() answers Okta: GET for the verification of a hook, POST for its events.'
const CHALLENGE_DETAIL =
  'A verification carries x-okta-verification-challenge. Verify the hook in the Admin Console: Workflow, Event Hooks, Actions, Verify.'
const MISSING_DETAIL =
  "The request has no secret. Give the hook's authentication field and secret in the Admin Console the values of eventHook({ header, secret }); a proxy in front must keep the header."
const WRONG_DETAIL =
  "The secret is not that of eventHook({ secret }). Compare it with the hook's authentication secret in the Admin Console."
const BODY_DETAIL = 'The body is no delivery of an event hook: JSON with data.events.'
