/** Simulates a morning on which all sessions have ended and nothing is cached: how long users are shut out. */
import { addressOf } from './sim/model-app.js'
import { crowdColumns, crowdNotes, figures, world } from './sim/world.js'

const MINUTE = 60_000
const OVER = 30 * MINUTE
const STAYS_MS = 10 * MINUTE

/**
 * @typedef {object} Morning
 * @property {string} name
 * @property {number} [users]
 * @property {number} [perMinute] The org's rate limit.
 * @property {number} [over] The milliseconds within which all users arrive.
 * @property {boolean} [oneAddress] Whether all users come from one address.
 * @property {number} [processes]
 * @property {import('./sim/world.js').Options} [options]
 * @property {{ address: string, session?: boolean }} [attacker] Sends 50 made-up cookies a second from this address all the time; with a session it sends that as well, and signs in again every 10 s.
 */

/** @type {readonly Morning[]} */
const MORNINGS = [
  { name: '1,000 at once', users: 1_000, over: 20_000 },
  { name: '  behind one address', users: 1_000, over: 20_000, oneAddress: true },
  { name: '5,000 in 30 minutes' },
  { name: '  behind one address', oneAddress: true },
  { name: '  at 2.5 failures a second', options: failures(2.5) },
  { name: '  at 10 failures a second', options: failures(10) },
  { name: '  an org of 1,200 a minute', perMinute: 1_200 },
  { name: '  an org of 100 a minute, 800 users', perMinute: 100, users: 800 },
  { name: '  ten processes', processes: 10 },
  {
    name: '  ten processes, instances: 10',
    processes: 10,
    options: { upstream: { instances: 10 } },
  },
  {
    name: '  an attacker in the one address',
    oneAddress: true,
    attacker: { address: addressOf(0) },
  },
  { name: '  an attacker elsewhere', attacker: { address: addressOf(90_000) } },
  {
    name: '  the same, with an account',
    attacker: { address: addressOf(90_000), session: true },
  },
]

/** @param {{ tiny: boolean }} options */
export async function run({ tiny }) {
  const rows = []
  for (const morning of MORNINGS.filter(({ name }) =>
    new RegExp(process.env.ONLY ?? '.').test(name),
  ))
    rows.push(await simulate(morning, tiny ? 20 : 1))
  return {
    title:
      'monday: all sessions have ended and nothing is cached; an org that allows 600 calls a minute',
    columns: [
      ...crowdColumns.filter(({ key }) => key !== 'unavoidable'),
      { key: 'junk', title: 'calls for junk' },
    ],
    rows,
    notes: [...crowdNotes, 'An attacker sends 50 made-up cookies a second, all the time.'],
  }
}

/**
 * @param {Morning} morning
 * @param {number} shrink
 */
async function simulate(morning, shrink) {
  const { name, over = OVER, oneAddress = false, attacker } = morning
  const users = Math.round((morning.users ?? 5_000) / shrink)
  const { time, org, app, crowd } = world((morning.perMinute ?? 600) / shrink, morning)
  for (let i = 0; i < users; i += 1)
    crowd.add({
      arrivesAt: (i / users) * over,
      staysMs: STAYS_MS,
      address: addressOf(oneAddress ? 0 : i),
      signedIn: false,
    })
  const until = over + STAYS_MS
  if (attacker !== undefined) attack(time, org, app, attacker, until / shrink)
  await time.runUntil(until)
  const present = (users * STAYS_MS) / MINUTE
  return {
    ...figures(name, users, crowd.tally, org, until / MINUTE, present),
    junk: attacker === undefined ? undefined : org.callsFor('102junk'),
  }
}

/**
 * @param {import('./sim/virtual-time.js').VirtualTime} time
 * @param {import('./sim/model-org.js').ModelOrg} org
 * @param {{ page: (value: string, address: string, onAnswer: () => void) => void }} app
 * @param {NonNullable<Morning['attacker']>} attacker
 * @param {number} until
 */
function attack(time, org, app, { address, session = false }, until) {
  for (let i = 0; i < until / 20; i += 1)
    time.after(i * 20, () => {
      app.page(`102junk${i}`, address, () => {})
      if (!session) return
      const own = `102own${Math.floor(i / 500)}`
      org.startSession(own)
      app.page(own, address, () => {})
    })
}

/** @param {number} perSecond */
function failures(perSecond) {
  return { upstream: { failedLookups: { perSecond, burst: 50 } } }
}
