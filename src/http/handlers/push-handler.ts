/** What eventHook() and sharedSignals() share: they answer another server, within the 3 s that Okta waits. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { LineCode, ProblemCode } from '../../codes.js'
import type { ExpectedToken, Push } from '../../contracts.js'
import type { Handler, Reply } from '../../public-types.js'
import type { Kit } from '../kit.js'
import { inTime } from '../push-body.js'
import { isAnswered, later, problem, retryAfter, setHeaders } from '../reply.js'
import { answerPost } from './post-handler.js'

/** Okta waits for 3 s, the way there and back included. */
const MAX_RECORD_MS = 2_000
const RETRY_MS = 5_000

/** The issuers and audiences that a token may name. */
export type TokenParties = Pick<ExpectedToken, 'issuers' | 'audiences'>

type PushKit = Pick<Kit, 'pushed' | 'logger' | 'settings'>

/** For the keys, the body and the record together. */
const MAX_TOTAL_MS = 2_800
const TOO_LATE = unavailable(
  'too_slow',
  'The push could not be handled in time: send it again.',
  RETRY_MS,
)
const CLOSED = unavailable('closed', 'The app is shutting down: send the push again.', RETRY_MS)

/** A rejection of `act` goes to `next(error)`. */
export function createPushHandler(
  kit: PushKit,
  name: string,
  act: (req: IncomingMessage) => Promise<Reply> | Reply,
): Handler {
  // Once for an instance, whichever of its handlers comes first.
  if (!kit.pushed.isExpected && kit.settings.cache.store === undefined) warnOfReach(kit, name)
  kit.pushed.expect()
  const handler: Handler = (req: IncomingMessage, res: ServerResponse, next) => {
    if (isAnswered(res)) return
    setHeaders(res, { 'cache-control': 'no-store' })
    const answer = (reply: Reply) => {
      if (reply.status >= 400) kit.pushed.countRefused()
      answerPost(reply, req, res)
    }
    const reply = kit.pushed.isClosed ? CLOSED : act(req)
    if (reply instanceof Promise) later(inTime(reply, MAX_TOTAL_MS, TOO_LATE), res, next, answer)
    else answer(reply)
  }
  Object.defineProperty(handler, 'name', { value: name })
  return handler
}

function warnOfReach({ logger }: PushKit, name: string): void {
  logger?.warn(
    'EOS141',
    `${name}() reaches this process only, because no cache.store is set: where the app runs in several processes, each of the others notices what Okta ended when it asks again, within cache.maxTtlMs`,
  )
}

/** Applies the pushes; false where it is not certain that every instance will see them. */
export async function applyInTime({ pushed }: PushKit, pushes: readonly Push[]): Promise<boolean> {
  const applied = pushed.apply(pushes).then(
    () => true,
    () => false,
  )
  return inTime(applied, MAX_RECORD_MS, false)
}

/** Makes the sender send the push again. It is in force here, unless the app is shutting down. */
export function notRecorded({ pushed }: Pick<PushKit, 'pushed'>): Reply {
  if (pushed.isClosed) return CLOSED
  return unavailable(
    'revocation_not_recorded',
    'The revocation is in force in this process. The shared store could not record it for the others: send it again.',
    RETRY_MS,
  )
}

/** The token can't be verified now. */
export function noKeys(forMs: number): Reply {
  return unavailable(
    'keys_unavailable',
    "The org's keys could not be fetched, so that the token can't be verified: send it again.",
    forMs,
  )
}

function unavailable(code: ProblemCode, detail: string, forMs: number): Reply {
  return problem({ status: 503, code, detail }, retryAfter(forMs))
}

/** A log line about something Okta sends, once for each code. */
export function createNotes(kit: PushKit) {
  const noted = new Set<LineCode>()
  return function note(code: LineCode, text: string): void {
    if (noted.has(code)) return
    noted.add(code)
    kit.logger?.warn(code, text)
  }
}
