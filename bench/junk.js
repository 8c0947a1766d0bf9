/** What a flood of made-up cookies costs, and whom, simulated on a clock of its own. */
import { quantile } from './harness/spread.js'
import { chance } from './sim/chance.js'
import { Crowd, emptyTally } from './sim/crowd.js'
import { addressOf, modelApp } from './sim/model-app.js'
import { ModelOrg } from './sim/model-org.js'
import { VirtualTime } from './sim/virtual-time.js'

const MINUTE = 60_000
const KNOWN = 100
const NEWCOMERS = 60

/** @param {{ tiny: boolean }} options */
export async function run({ tiny }) {
  const junk = tiny ? 3_000 : 300_000
  const rows = []
  for (const oneAddress of [false, true]) rows.push(...(await flood(junk, oneAddress)))
  return {
    title: `junk: ${junk} made-up cookies in a minute, beside ${KNOWN} known users and ${NEWCOMERS} who come for the first time`,
    columns: [
      { key: 'name', title: 'who' },
      { key: 'requests', title: 'requests' },
      { key: 'served', title: 'served', percent: true, digits: 2 },
      { key: 'unavailable', title: '503', percent: true, digits: 2 },
      { key: 'tooMany', title: '429', percent: true, digits: 2 },
      { key: 'p99', title: 'p99 ms' },
      { key: 'calls', title: 'calls for junk' },
      { key: 'sessions', title: 'sessions kept' },
    ],
    rows,
    notes: [
      'Simulated: the real guard, lookup and admission on a clock of their own, an org that allows 600 calls a minute.',
      'Known users ask for a page every second and have been there for two minutes; newcomers come one a second with a live session.',
      'Served: let through, for junk sent to sign in. Waits are those of the simulated network, not of the processor.',
    ],
  }
}

/**
 * @param {number} junk
 * @param {boolean} oneAddress
 */
async function flood(junk, oneAddress) {
  const random = chance()
  const time = new VirtualTime()
  const org = new ModelOrg(time, { perMinute: 600, random })
  const app = modelApp(time, org, random)
  const parts = { time, org, app, random }
  const known = new Crowd({ ...parts, prefix: 'known' })
  const newcomers = new Crowd({ ...parts, prefix: 'unseen' })
  for (let i = 0; i < KNOWN; i += 1)
    known.comes({ ...person(i), at: i * 20, staysMs: 4 * MINUTE, thinkMs: 1_000 })
  await time.runUntil(2 * MINUTE)
  known.tally = emptyTally()
  const sessions = app.okta.stats().sessions

  for (let i = 0; i < NEWCOMERS; i += 1)
    newcomers.comes({ ...person(KNOWN + i), at: 2 * MINUTE + i * 1_000, staysMs: MINUTE })
  const flooded = { requests: 0, passed: 0, unavailable: 0, tooMany: 0 }
  for (let i = 0; i < junk; i += 1)
    time.after((i / junk) * MINUTE, () =>
      app.page(`102junk${i}`, addressOf(oneAddress ? 9_999 : 10_000 + i), ({ status }) => {
        flooded.requests += 1
        if (status === 302) flooded.passed += 1
        if (status === 503) flooded.unavailable += 1
        if (status === 429) flooded.tooMany += 1
      }),
    )
  await time.runUntil(3 * MINUTE + 5_000)
  const kept = app.okta.stats().sessions
  const where = oneAddress ? 'one address' : 'as many addresses'
  return [
    {
      name: `known users, junk from ${where}`,
      ...shares(known.tally),
      sessions: Math.min(kept, sessions),
    },
    { name: '  newcomers', ...shares(newcomers.tally) },
    { name: '  junk', ...shares({ ...flooded, waits: [] }), calls: org.callsFor('102junk') },
  ]
}

/** @param {number} index */
function person(index) {
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
