/** Simulates many users of an org that allows 600 calls a minute, in virtual time. */
import { emptyTally } from './sim/crowd.js'
import { addressOf } from './sim/model-app.js'
import { crowdColumns, crowdNotes, figures, world } from './sim/world.js'

const MINUTE = 60_000
const PER_MINUTE = 600
const MAX_TTL_MINUTES = 5

/** @param {{ tiny: boolean }} options */
export async function run({ tiny }) {
  const shrink = tiny ? 10 : 1
  const few = 1_000 / shrink
  const many = 5_000 / shrink
  const rows = [
    ...(await coldThenWarm(few, PER_MINUTE / shrink)),
    await arriving('arrive in 30 minutes, stay 10 minutes', many, shrink, 10 * MINUTE),
    await arriving('arrive in 30 minutes and stay', many, shrink, 60 * MINUTE),
  ]
  return {
    title: `quota: an org that allows ${PER_MINUTE / shrink} calls a minute, one process, defaults`,
    columns: crowdColumns,
    rows,
    notes: [
      ...crowdNotes,
      'Unavoidable: the blocked share under any policy, when an answer serves for 5 minutes.',
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
 * @param {number} staysMs
 */
async function arriving(name, users, shrink, staysMs) {
  const perMinute = PER_MINUTE / shrink
  const { time, org, crowd } = world(perMinute)
  const over = 30 * MINUTE
  for (let i = 0; i < users; i += 1)
    crowd.add({
      arrivesAt: (i / users) * over,
      staysMs,
      address: addressOf(i),
      signedIn: true,
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
