/** Simulates a burst of made-up cookies whose clients never come back: what unseen users meet in the ten minutes after it. */
import { quantile } from './harness/spread.js'
import { addressOf } from './sim/model-app.js'
import { world } from './sim/world.js'

const MINUTE = 60_000
const BURST_MS = 20_000
const UNSEEN_USERS = 150

/** @param {{ tiny: boolean }} options */
export async function run({ tiny }) {
  const junk = tiny ? 400 : 8_000
  const rows = []
  for (const perSecond of [2.5, 4, 10])
    for (const addresses of [4, junk]) rows.push(await simulate(junk, addresses, perSecond))
  return {
    title: `burst: ${junk} made-up cookies within 20 s, then ${UNSEEN_USERS} unseen users with a live session, one every 4 s`,
    columns: [
      { key: 'name', title: 'failures a second' },
      { key: 'addresses', title: 'addresses' },
      { key: 'calls', title: 'calls for junk' },
      { key: 'refused', title: 'unseen users refused at first' },
      { key: 'median', title: 'first page s', digits: 1 },
      { key: 'p99', title: 'p99 s', digits: 1 },
      { key: 'never', title: 'never' },
    ],
    rows,
    notes: [
      'Simulated: the real guard, lookup and limiter in virtual time, with an org that allows 600 calls a minute.',
      'First page: from the first request of an unseen user to a page.',
    ],
  }
}

/**
 * @param {number} junk
 * @param {number} addresses
 * @param {number} perSecond
 */
async function simulate(junk, addresses, perSecond) {
  const options = { upstream: { failedLookups: { perSecond, burst: 50 } } }
  const { time, org, app, crowd } = world(600, { options })
  for (let i = 0; i < junk; i += 1)
    time.after((i / junk) * BURST_MS, () =>
      app.page(`102junk${i}`, addressOf(10_000 + (i % addresses)), () => {}),
    )
  for (let i = 0; i < UNSEEN_USERS; i += 1)
    crowd.add({
      arrivesAt: BURST_MS + i * 4_000,
      staysMs: 5 * MINUTE,
      address: addressOf(i),
      signedIn: true,
    })
  await time.runUntil(BURST_MS + 10 * MINUTE)
  const first = crowd.tally.firstAnswers.toSorted((a, b) => a - b)
  return {
    name: String(perSecond),
    addresses,
    calls: org.callsFor('102junk'),
    refused: UNSEEN_USERS - first.filter((ms) => ms < 1_000).length,
    median: quantile(first, 0.5) / 1_000,
    p99: quantile(first, 0.99) / 1_000,
    never: UNSEEN_USERS - first.length,
  }
}
