/** A state in which the policy admits every call. */
import type { AdmissionState } from '../../src/limiter/policy.js'

export const NOW = 100_000

export const open: AdmissionState = {
  closed: false,
  client: { tokens: 20, perSecond: 1 },
  clientIsShared: false,
  clientFailsOften: false,
  global: { tokens: 50, perSecond: 2.5 },
  credentialShare: undefined,
  clientShare: undefined,
  queueShareTaken: false,
  quota: { limit: 600, remaining: 600, used: 0, resetAt: NOW + 30_000 },
  instances: 1,
  retriesDue: false,
  circuit: undefined,
  isSuspect: false,
  inFlight: 0,
  maxConcurrent: 5,
  operationIsFull: false,
  queued: 0,
  maxQueued: 1_000,
}
