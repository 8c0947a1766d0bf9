/** Simulates a flood of made-up cookies in virtual time: its cost, and its effect on seen and unseen users. */
import { quantile } from './harness/spread.js'
import { chance } from './sim/chance.js'
import { Crowd, emptyTally } from './sim/crowd.js'
import { addressOf, modelApp } from './sim/model-app.js'
import { ModelOrg } from './sim/model-org.js'
import { VirtualTime } from './sim/virtual-time.js'

const MINUTE = 60_000
const SEEN_USERS = 100
const UNSEEN_USERS = 60

/** @param {{ tiny: boolean }} options */
export async function run({ tiny }) {
  const junk = tiny ? 3_000 : 300_000
  const rows = []
  for (const oneAddress of [false, true]) rows.push(...(await simulate(junk, oneAddress)))
  return {
    title: `junk: ${junk} made-up cookies in a minute, besides ${SEEN_USERS} seen and ${UNSEEN_USERS} unseen users`,
    columns: [
      { key: 'name', title: 'requests of' },
      { key: 'requests', title: 'requests' },
      { key: 'served', title: 'served', percent: true, digits: 2 },
      { key: 'unavailable', title: '503', percent: true, digits: 2 },
      { key: 'tooMany', title: '429', percent: true, digits: 2 },
      { key: 'p99', title: 'p99 ms' },
      { key: 'calls', title: 'calls for junk' },
      { key: 'sessions', title: 'cached sessions' },
    ],
    rows,
    notes: [
      'Simulated: the real guard, lookup and limiter in virtual time, with an org that allows 600 calls a minute.',
      'Seen users request a page every second, since two minutes before the flood; one unseen user a second arrives with a live session.',
      'Served: passed by the guard, for junk redirected to sign-in. The times are those of the simulated network, without CPU time.',
    ],
  }
}

/**
 * @param {number} junk
 * @param {boolean} oneAddress
 */
async function simulate(junk, oneAddress) {
  const random = chance()
  const time = new VirtualTime()
  const org = new ModelOrg(time, { perMinute: 600, random })
  const app = modelApp(time, org, random)
  const parts = { time, org, app, random }
  const seenUsers = new Crowd({ ...parts, prefix: 'seen' })
  const unseenUsers = new Crowd({ ...parts, prefix: 'unseen' })
  for (let i = 0; i < SEEN_USERS; i += 1)
    seenUsers.add({ ...userAt(i), arrivesAt: i * 20, staysMs: 4 * MINUTE, thinkMs: 1_000 })
  await time.runUntil(2 * MINUTE)
  seenUsers.tally = emptyTally()
  const sessions = app.okta.stats().sessions

  for (let i = 0; i < UNSEEN_USERS; i += 1)
    unseenUsers.add({
      ...userAt(SEEN_USERS + i),
      arrivesAt: 2 * MINUTE + i * 1_000,
      staysMs: MINUTE,
    })
  const flood = { requests: 0, passed: 0, unavailable: 0, tooMany: 0 }
  for (let i = 0; i < junk; i += 1)
    time.after((i / junk) * MINUTE, () =>
      app.page(`102junk${i}`, addressOf(oneAddress ? 9_999 : 10_000 + i), ({ status }) => {
        flood.requests += 1
        if (status === 302) flood.passed += 1
        if (status === 503) flood.unavailable += 1
        if (status === 429) flood.tooMany += 1
      }),
    )
  await time.runUntil(3 * MINUTE + 5_000)
  const kept = app.okta.stats().sessions
  const source = oneAddress ? 'one address' : 'as many addresses'
  return [
    {
      name: `seen users, junk from ${source}`,
      ...shares(seenUsers.tally),
      sessions: Math.min(kept, sessions),
    },
    { name: '  unseen users', ...shares(unseenUsers.tally) },
    { name: '  junk', ...shares({ ...flood, waits: [] }), calls: org.callsFor('102junk') },
  ]
}

/** @param {number} index */
function userAt(index) {
  return { address: addressOf(index), signedIn: true }
}

/** @param {{ requests: number, passed: number, unavailable: number, tooMany: number, waits: readonly number[] }} tally */
function shares({ requests, passed, unavailable, tooMany, waits }) {
  const sorted = waits.toSorted((a, b) => a - b)
  return {
    requests,
    served: passed / requests,
    unavailable: unavailable / requests,
    tooMany: tooMany / requests,
    p99: waits.length > 0 ? quantile(sorted, 0.99) : undefined,
  }
}
