import { describe, expect, it } from 'vitest'
import {
  type AdmissionState,
  admit,
  type CallKind,
  type OpenCircuit,
} from '../../src/limiter/policy.js'
import { NOW, open } from './admission-state.js'

const KINDS = ['seen', 'stale', 'prefetch', 'unseen'] as const satisfies readonly CallKind[]

/** `now`, `trial`, `queue`, or the refusal with its milliseconds. */
function decide(state: Partial<AdmissionState>, kind: CallKind): string {
  const admission = admit({ ...open, ...state }, kind, NOW)
  return admission.admit === 'no' ? `${admission.code} ${admission.retryAfterMs}` : admission.admit
}

function left(remaining: number, resetsIn = 30_000) {
  return { limit: 600, remaining, used: 600 - remaining, resetAt: NOW + resetsIn }
}

function held(over: Partial<OpenCircuit>): OpenCircuit {
  const rejected = { seenRejected: false, othersRejected: false }
  return { code: 'breaker_open', until: NOW + 700, inTrial: false, ...rejected, ...over }
}

/** One row per rule: the state, then the decision for a seen, stale, prefetch and unseen call. */
type Row = readonly [
  what: string,
  state: Partial<AdmissionState>,
  seen: string,
  stale: string,
  prefetch: string,
  unseen: string,
]

const now = ['now', 'now', 'now', 'now'] as const
const all = (decision: string) => [decision, decision, decision, decision] as const
const butSeen = (decision: string) => ['now', decision, decision, decision] as const
const unseen = (decision: string) => ['now', 'now', 'now', decision] as const

const client = (tokens: number, perSecond = 1) => ({ client: { tokens, perSecond } })
const level = (tokens: number, perSecond = 0.5) => ({ tokens, perSecond })
const everybody = (tokens: number, perSecond = 2.5) => ({ global: { tokens, perSecond } })

const rows: readonly Row[] = [
  ['nothing stands in the way', {}, ...now],
  ['closed', { closed: true }, ...all('closed 1000')],

  // The shares of one credential and one client.
  ['the credential has one call left', { credentialShare: level(1) }, ...now],
  [
    'the credential has had its share',
    { credentialShare: level(0) },
    ...all('too_many_attempts 2000'),
  ],
  ['the client has had its share', { clientShare: level(0) }, ...all('too_many_attempts 2000')],
  ['the client has one call of its share left', { clientShare: level(1) }, ...now],
  [
    'clients that can’t be told apart have had theirs',
    { clientShare: level(0), clientIsShared: true },
    ...all('over_budget 2000'),
  ],
  ['its places in the queue are taken, and none is needed', { queueShareTaken: true }, ...now],
  [
    'its places in the queue are taken',
    { queueShareTaken: true, inFlight: 5 },
    'too_many_attempts 1000',
    'too_many_attempts 1000',
    'queue_full 1000',
    'too_many_attempts 1000',
  ],
  [
    'the share before the budgets and the minute',
    { credentialShare: level(0), ...client(0), ...everybody(0), quota: left(0) },
    ...all('too_many_attempts 2000'),
  ],

  // The client's failure budget.
  ['the client has one failure left', client(1), ...now],
  ['the client has a part of one left', client(0.75), ...unseen('too_many_attempts 250')],
  ['the client has none left', client(0), ...unseen('too_many_attempts 1000')],
  ['the client is in debt', client(-3), ...unseen('too_many_attempts 4000')],
  [
    'the client hardly ever gets one back',
    client(0, 0.001),
    ...unseen('too_many_attempts 1000000'),
  ],
  ['the client never gets one back', client(0, 0), ...unseen('too_many_attempts 60000')],
  ['the client is not known', { client: undefined }, ...now],

  [
    'the budget its clients share has none left',
    { ...client(0, 2), clientIsShared: true },
    ...unseen('over_budget 500'),
  ],

  // Everybody's failure budget.
  ['everybody has one left', everybody(1), ...now],
  ['everybody has none left', everybody(0), ...unseen('over_budget 400')],
  ['nor is the client known', { client: undefined, ...everybody(0) }, ...unseen('over_budget 400')],

  // The rate-limit window: half of it for calls that can wait, the last fifth for seen sessions.
  ['Okta has said nothing of its minute', { quota: undefined }, ...now],
  ['more than half of the minute is left', { quota: left(301) }, ...now],
  [
    'half of it is left',
    { quota: left(300) },
    'now',
    'over_budget 30000',
    'over_budget 30000',
    'now',
  ],
  [
    'more than a fifth of it is left',
    { quota: left(121) },
    'now',
    'over_budget 30000',
    'over_budget 30000',
    'now',
  ],
  ['a fifth of it is left', { quota: left(120) }, ...butSeen('over_budget 30000')],
  ['one call of it is left', { quota: left(1) }, ...butSeen('over_budget 30000')],
  ['nothing of it is left', { quota: left(0) }, ...all('over_budget 30000')],
  ['it is overdrawn', { quota: left(-4) }, ...all('over_budget 30000')],
  ['its end is a moment away', { quota: left(0, 0.5) }, ...all('over_budget 1')],
  ['it has just ended', { quota: left(0, 0) }, ...now],
  ['it ended long ago', { quota: left(0, -90_000) }, ...now],
  [
    'a minute of ten calls has two left',
    { quota: { ...left(2), limit: 10 } },
    ...butSeen('over_budget 30000'),
  ],

  // Calls that can wait do so while rejected unseen cookies are still expected to retry.
  [
    'unseen cookies wait for calls',
    { retriesDue: true },
    'now',
    'over_budget 30000',
    'over_budget 30000',
    'now',
  ],
  [
    'unseen cookies wait, and the rate-limit window is unknown',
    { retriesDue: true, quota: undefined },
    ...now,
  ],

  // The open circuit, and the half-open trial at its end.
  ['circuit opened by failures', { circuit: held({}) }, ...all('breaker_open 700')],
  [
    'circuit opened by a 429',
    { circuit: held({ code: 'rate_limited', until: NOW + 59_000 }) },
    ...all('rate_limited 59000'),
  ],
  [
    'circuit opened by the other 429',
    { circuit: held({ code: 'concurrency_limited', until: NOW + 0.1 }) },
    ...all('concurrency_limited 1'),
  ],
  [
    'the circuit is half-open',
    { circuit: held({ until: NOW }) },
    'trial',
    'trial',
    'breaker_open 1000',
    'trial',
  ],
  [
    'the probe is out',
    { circuit: held({ until: NOW, inTrial: true }) },
    ...all('breaker_open 1000'),
  ],
  [
    'a call of a seen session was rejected',
    { circuit: held({ until: NOW, seenRejected: true }) },
    'trial',
    'trial',
    'breaker_open 1000',
    'breaker_open 1000',
  ],
  [
    'and does not come for a second',
    { circuit: held({ until: NOW - 1_000, seenRejected: true }) },
    'trial',
    'trial',
    'breaker_open 1000',
    'trial',
  ],
  [
    'the circuit is half-open, every slot is taken',
    { circuit: held({ until: NOW }), inFlight: 5 },
    ...all('breaker_open 1000'),
  ],
  [
    'the circuit is half-open, others wait',
    { circuit: held({ until: NOW }), queued: 3 },
    'trial',
    'trial',
    'breaker_open 1000',
    'trial',
  ],

  // The concurrency cap and its bounded queue.
  ['the last place is free', { inFlight: 4 }, ...now],
  ['every place is taken', { inFlight: 5 }, 'queue', 'queue', 'queue_full 1000', 'queue'],
  [
    'more are under way than a halved cap allows',
    { inFlight: 5, maxConcurrent: 2 },
    'queue',
    'queue',
    'queue_full 1000',
    'queue',
  ],
  [
    'a place is free and somebody waits for it',
    { inFlight: 4, queued: 1 },
    'queue',
    'queue',
    'queue_full 1000',
    'queue',
  ],
  [
    'the queue has one place left',
    { inFlight: 5, queued: 999 },
    'queue',
    'queue',
    'queue_full 1000',
    'queue',
  ],
  ['the queue is full', { inFlight: 5, queued: 1_000 }, ...all('queue_full 1000')],
  [
    'a client shared by several has had its places in the queue',
    { inFlight: 5, queueShareTaken: true, clientIsShared: true },
    'over_budget 1000',
    'over_budget 1000',
    'queue_full 1000',
    'over_budget 1000',
  ],

  // Each rule comes before the next.
  ['closed before the client', { closed: true, ...client(0) }, ...all('closed 1000')],
  [
    'the client before everybody',
    { ...client(0), ...everybody(0) },
    ...unseen('too_many_attempts 1000'),
  ],
  [
    'everybody before the minute',
    { ...everybody(0), quota: left(0) },
    'over_budget 30000',
    'over_budget 30000',
    'over_budget 30000',
    'over_budget 400',
  ],
  [
    'the rate-limit window before the open circuit',
    { quota: left(0), circuit: held({}) },
    ...all('over_budget 30000'),
  ],
  [
    'the open circuit before the slots',
    { circuit: held({}), inFlight: 5, queued: 1_000 },
    ...all('breaker_open 700'),
  ],
]

describe('admission', () => {
  it.each(rows)('a call is judged right when %s', (_what, state, ...decisions) => {
    expect(KINDS.map((kind) => decide(state, kind))).toEqual(decisions)
  })

  it('a rejection gives a whole number of milliseconds, at least one, to wait for', () => {
    for (const tokens of [0.001, 0.3, 0.999_999]) {
      const admission = admit({ ...open, ...client(tokens, 3) }, 'unseen', NOW)
      if (admission.admit !== 'no') throw new Error(admission.admit)
      expect(Number.isInteger(admission.retryAfterMs)).toBe(true)
      expect(admission.retryAfterMs).toBeGreaterThanOrEqual(1)
    }
  })

  it('a rejection says what was scarce, and how much of it there is a second', () => {
    const scarce = (state: Partial<AdmissionState>) => {
      const admission = admit({ ...open, ...state }, 'unseen', NOW)
      return admission.admit === 'no' ? admission.scarce : admission
    }
    expect(scarce(everybody(0))).toEqual({ what: 'failures', perSecond: 2.5 })
    expect(scarce({ quota: left(100) })).toEqual({ what: 'calls', perSecond: 8 })
    expect(scarce(client(0))).toBeUndefined()
    expect(scarce({ ...client(0, 2), clientIsShared: true })).toEqual({
      what: 'failures',
      perSecond: 2,
    })
    expect(scarce({ circuit: held({}) })).toBeUndefined()
  })

  it('the policy judges a call without changing its state', () => {
    const state = Object.freeze({ ...open, circuit: Object.freeze(held({ until: NOW })) })
    for (const kind of KINDS) expect(admit(state, kind, NOW)).toEqual(admit(state, kind, NOW))
  })
})
