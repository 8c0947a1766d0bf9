/** A simulated org with one or more processes of the app in front of it, and the figures of their users. */
import { quantile } from '../harness/spread.js'
import { chance } from './chance.js'
import { Crowd } from './crowd.js'
import { modelApp } from './model-app.js'
import { ModelOrg } from './model-org.js'
import { VirtualTime } from './virtual-time.js'

const MINUTE = 60_000

/**
 * @typedef {import('../../dist/index.js').OktaSessionOptions} Options
 * @typedef {import('../harness/report.js').Column} Column
 */

/**
 * @param {number} perMinute The org's rate limit.
 * @param {{ options?: Options, processes?: number }} [app] All requests of an address go to one process.
 */
export function world(perMinute, { options, processes = 1 } = {}) {
  const random = chance()
  const time = new VirtualTime()
  const org = new ModelOrg(time, { perMinute, random })
  const apps = Array.from({ length: processes }, () => modelApp(time, org, random, options))
  const app = {
    /** @param {Parameters<typeof apps[0]['page']>} request */
    page(...request) {
      apps[Number(request[1].split('.').at(-1)) % processes]?.page(...request)
    },
  }
  return { time, org, app, random, crowd: new Crowd({ time, org, app, random }) }
}

/** @type {readonly Column[]} */
export const crowdColumns = [
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
]

export const crowdNotes = [
  'Simulated: the real guard, lookup and limiter in virtual time, with a model of an org (60 s window, answers in 60 to 140 ms).',
  'A user requests a page every 20 s on average, reloads a 503 page as that page does and a 429 page after 15 s, and takes 25 s to sign in.',
  'Blocked: the share of their time that users wait after a 503 or 429.',
  'First page: from the first request to a page or the sign-in page. Never: users who got neither.',
]

/**
 * @param {string} name
 * @param {number} users
 * @param {import('./crowd.js').Tally} tally
 * @param {ModelOrg} org
 * @param {number} minutes
 * @param {number} presentMinutes Summed over all users.
 * @param {number} [callsBefore]
 */
export function figures(name, users, tally, org, minutes, presentMinutes, callsBefore = 0) {
  const first = tally.firstAnswers.toSorted((a, b) => a - b)
  return {
    name,
    users,
    requests: tally.requests,
    unavailable: tally.unavailable / tally.requests,
    blocked: tally.blockedMs / (presentMinutes * MINUTE),
    unavoidable: undefined,
    tooMany: tally.tooMany / tally.requests,
    median: quantile(first, 0.5) / 1_000,
    p99: quantile(first, 0.99) / 1_000,
    never: users - first.length,
    calls: (org.calls - callsBefore) / minutes,
    refused: org.refusedCalls,
  }
}
