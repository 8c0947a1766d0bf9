/** Simulates many users of an org that allows 600 calls a minute, in virtual time. */
import { quantile } from './harness/spread.js'
import { chance } from './sim/chance.js'
import { Crowd, emptyTally } from './sim/crowd.js'
import { addressOf, modelApp } from './sim/model-app.js'
import { ModelOrg } from './sim/model-org.js'
import { VirtualTime } from './sim/virtual-time.js'

const MINUTE = 60_000
const PER_MINUTE = 600
const MAX_TTL_MINUTES = 5

/** @typedef {import('../dist/index.js').OktaSessionOptions} Options */

/** @param {{ tiny: boolean }} options */
export async function run({ tiny }) {
  const shrink = tiny ? 10 : 1
  const few = 1_000 / shrink
  const many = 5_000 / shrink
  const rows = [
    ...(await coldThenWarm(few, PER_MINUTE / shrink)),
    await arriving('arrive in 30 minutes, stay 10 minutes', many, shrink, {
      staysMs: 10 * MINUTE,
    }),
    await arriving('arrive in 30 minutes and stay', many, shrink, { staysMs: 60 * MINUTE }),
    await atOnce('arrive at once, all sessions ended', few, shrink),
    await arriving('arrive, all sessions ended', many, shrink, {
      staysMs: 10 * MINUTE,
      signedIn: false,
    }),
    await arriving('  with failedLookups of 5 a second', many, shrink, {
      staysMs: 10 * MINUTE,
      signedIn: false,
      options: { upstream: { failedLookups: { perSecond: 5, burst: 50 } } },
    }),
    await arriving('  behind one address', many, shrink, {
      staysMs: 10 * MINUTE,
      signedIn: false,
      oneAddress: true,
    }),
  ]
  return {
    title: `quota: an org that allows ${PER_MINUTE / shrink} calls a minute, one process, defaults`,
    columns: [
      { key: 'name', title: 'scenario' },
      { key: 'users', title: 'users' },
      { key: 'requests', title: 'requests' },
      { key: 'unavailable', title: '503', percent: true, digits: 2 },
      { key: 'blocked', title: 'blocked', percent: true, digits: 1 },
      { key: 'unavoidable', title: 'unavoidable', percent: true, digits: 1 },
      { key: 'tooMany', title: '429', percent: true, digits: 2 },
      { key: 'median', title: 'first page s', digits: 1 },
      { key: 'p99', title: 'p99 s', digits: 1 },
      { key: 'never', title: 'never' },
      { key: 'calls', title: 'calls a minute' },
      { key: 'refused', title: 'Okta 429s' },
    ],
    rows,
    notes: [
      'Simulated: the real guard, lookup and limiter in virtual time, with a model of an org (60 s window, answers in 60 to 140 ms).',
      'A user requests a page every 20 s on average, reloads a 503 page after its Retry-After and a 429 page after 15 s, and takes 25 s to sign in.',
      'Blocked: the share of their time that users wait after a 503 or 429. Unavoidable: that share under any policy, when an answer serves for 5 minutes.',
      'First page: from the first request to a page or the sign-in page. Never: users who got neither.',
    ],
  }
}

/**
 * @param {number} users
 * @param {number} perMinute
 */
async function coldThenWarm(users, perMinute) {
  const { time, org, crowd } = world(perMinute)
  for (let i = 0; i < users; i += 1)
    crowd.add({
      arrivesAt: (i / users) * 20_000,
      staysMs: 30 * MINUTE,
      address: addressOf(i),
      signedIn: true,
    })
  await time.runUntil(15 * MINUTE)
  const cold = figures('first 15 minutes, cold cache', users, crowd.tally, org, 15, users * 15)
  crowd.tally = emptyTally()
  const calls = org.calls
  await time.runUntil(30 * MINUTE)
  const warm = figures('  the next 15 minutes', users, crowd.tally, org, 15, users * 15, calls)
  return [cold, { ...warm, median: undefined, p99: undefined, never: undefined }]
}

/**
 * @param {string} name
 * @param {number} users
 * @param {number} shrink
 * @param {{ staysMs: number, signedIn?: boolean, oneAddress?: boolean, options?: Options }} scenario
 */
async function arriving(name, users, shrink, scenario) {
  const { staysMs, signedIn = true, oneAddress = false, options } = scenario
  const perMinute = PER_MINUTE / shrink
  const { time, org, crowd } = world(perMinute, options)
  const over = 30 * MINUTE
  for (let i = 0; i < users; i += 1)
    crowd.add({
      arrivesAt: (i / users) * over,
      staysMs,
      address: addressOf(oneAddress ? 0 : i),
      signedIn,
    })
  const minutes = (over + Math.min(staysMs, 15 * MINUTE)) / MINUTE
  await time.runUntil(minutes * MINUTE)
  const { present, blocked } = lowerBound(users, over, staysMs, minutes * MINUTE, perMinute)
  return {
    ...figures(name, users, crowd.tally, org, minutes, present / MINUTE),
    unavoidable: blocked / present,
  }
}

/**
 * @param {string} name
 * @param {number} users
 * @param {number} shrink
 */
async function atOnce(name, users, shrink) {
  const { time, org, crowd } = world(PER_MINUTE / shrink)
  for (let i = 0; i < users; i += 1)
    crowd.add({
      arrivesAt: (i / users) * 20_000,
      staysMs: 15 * MINUTE,
      address: addressOf(i),
      signedIn: false,
    })
  await time.runUntil(15 * MINUTE)
  return figures(name, users, crowd.tally, org, 15, users * 15)
}

/**
 * @param {number} perMinute
 * @param {Options} [options]
 */
function world(perMinute, options) {
  const random = chance()
  const time = new VirtualTime()
  const org = new ModelOrg(time, { perMinute, random })
  const app = modelApp(time, org, random, options)
  return { time, org, crowd: new Crowd({ time, org, app, random }) }
}

/**
 * @param {string} name
 * @param {number} users
 * @param {import('./sim/crowd.js').Tally} tally
 * @param {ModelOrg} org
 * @param {number} minutes
 * @param {number} presentMinutes Summed over all users.
 * @param {number} [callsBefore]
 */
function figures(name, users, tally, org, minutes, presentMinutes, callsBefore = 0) {
  const first = tally.firstAnswers.toSorted((a, b) => a - b)
  return {
    name,
    users,
    requests: tally.requests,
    unavailable: tally.unavailable / tally.requests,
    blocked: tally.blockedMs / (presentMinutes * MINUTE),
    unavoidable: 0,
    tooMany: tally.tooMany / tally.requests,
    median: quantile(first, 0.5) / 1_000,
    p99: quantile(first, 0.99) / 1_000,
    never: users - first.length,
    calls: (org.calls - callsBefore) / minutes,
    refused: org.refusedCalls,
  }
}

/**
 * The time that all users together are present, and the least time that they are blocked under any policy.
 * An answer serves for at most five minutes, so that at most five minutes' worth of calls are in use.
 * @param {number} users
 * @param {number} over
 * @param {number} staysMs
 * @param {number} until
 * @param {number} perMinute
 */
function lowerBound(users, over, staysMs, until, perMinute) {
  const servable = perMinute * MAX_TTL_MINUTES
  const step = 1_000
  let present = 0
  let blocked = 0
  for (let at = 0; at < until; at += step) {
    const arrived = Math.min(at, over) / over
    const left = Math.max(0, Math.min(at - staysMs, over)) / over
    const usersNow = users * (arrived - left)
    present += usersNow * step
    blocked += Math.max(0, usersNow - servable) * step
  }
  return { present, blocked }
}
