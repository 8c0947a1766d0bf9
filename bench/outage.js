/** What users see while Okta is dead, in real time: connections refused, or taken and never answered. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { setTimeout as sleep } from 'node:timers/promises'
import { quantile } from './harness/spread.js'
import { composeOktaSession, parseOptions, systemClock } from './parts/package.js'
import { headerless, stubRequest } from './parts/stubs.js'
import { tinyOrg } from './parts/tiny-org.js'

const TICK_MS = 10

/** @param {{ tiny: boolean }} options */
export async function run({ tiny }) {
  const plan = tiny
    ? { perSecond: 300, users: 100, before: 1_000, dead: 2_500, after: 2_500, ttlMs: 1_000 }
    : { perSecond: 1_000, users: 1_000, before: 15_000, dead: 60_000, after: 15_000, ttlMs: 60_000 }
  const rows = []
  for (const way of /** @type {const} */ (['refused', 'hangs']))
    rows.push(...(await outage(plan, way)))
  return {
    title: `outage: the org dead for ${plan.dead / 1_000} s at ${plan.perSecond} requests a second, in real time`,
    columns: [
      { key: 'name', title: 'phase' },
      { key: 'who', title: 'who' },
      { key: 'requests', title: 'requests' },
      { key: 'served', title: 'served', percent: true, digits: 2 },
      { key: 'p50', title: 'p50 ms', digits: 2 },
      { key: 'p99', title: 'p99 ms', digits: 1 },
      { key: 'most', title: 'slowest ms' },
      { key: 'attempts', title: 'attempts at Okta' },
      { key: 'recovery', title: 'recovered after ms' },
    ],
    rows,
    notes: [
      `${plan.users} known users, and one request in a hundred from a newcomer with a live session. ttlMs ${plan.ttlMs}, all else at its default.`,
      'Requests go to the guard directly, the exchange over loopback; times hold what this process and a busy machine add.',
      'Attempts: connections begun and requests that reached the org. Recovered: from the org back to the first newcomer let through.',
    ],
  }
}

/**
 * @param {{ perSecond: number, users: number, before: number, dead: number, after: number, ttlMs: number }} plan
 * @param {'refused' | 'hangs'} way
 */
async function outage({ perSecond, users, before, dead, after, ttlMs }, way) {
  const org = await tinyOrg({ takesMs: 5 })
  const settings = parseOptions({ orgUrl: org.url, logger: false, cache: { ttlMs } }, {})
  const okta = composeOktaSession(settings, { clock: systemClock, random: Math.random })
  const load = startLoad(okta.requireSession(), perSecond, users)
  const connections = countConnections()
  const attempts = () => (way === 'hangs' ? org.calls : connections.begun)

  await sleep(before)
  const healthy = load.nextPhase()
  const callsBefore = attempts()
  const revive = await kill(org, way)
  await sleep(dead)
  const outaged = load.nextPhase()
  const callsDuring = attempts() - callsBefore
  await revive()
  const recovery = await firstNewcomer(load, after)
  await sleep(after)
  load.stop()
  const recovered = load.nextPhase()
  connections.stop()
  await okta.close()
  await org.close()
  return [
    ...rowsOf(`${way}: before`, healthy),
    ...rowsOf(`${way}: dead`, outaged, { attempts: callsDuring }),
    ...rowsOf(`${way}: after`, recovered, { recovery }),
  ]
}

/**
 * @param {import('./parts/tiny-org.js').TinyOrg} org
 * @param {'refused' | 'hangs'} way
 * @returns {Promise<() => Promise<void>>} Brings it back.
 */
async function kill(org, way) {
  if (way === 'hangs') {
    org.hangs = true
    return async () => {
      org.hangs = false
    }
  }
  await org.stop()
  return () => org.start()
}

/**
 * @typedef {object} Phase
 * @property {Answers} known
 * @property {Answers} newcomers
 */

/** @typedef {{ served: number, waits: number[] }} Answers */

/**
 * So many requests a second, whatever becomes of them.
 * @param {import('./parts/stubs.js').Handler} guard
 * @param {number} perSecond
 * @param {number} users
 */
function startLoad(guard, perSecond, users) {
  let phase = emptyPhase()
  let sent = 0
  let newcomers = 0
  let onNewcomer = () => {}
  const began = performance.now()
  const timer = setInterval(() => {
    const due = ((performance.now() - began) / 1_000) * perSecond
    for (; sent < due; sent += 1) send(sent % 100 === 99)
  }, TICK_MS)

  /** @param {boolean} isNewcomer */
  function send(isNewcomer) {
    if (isNewcomer) newcomers += 1
    const who = isNewcomer ? `new${newcomers}` : `known${sent % users}`
    const answers = isNewcomer ? phase.newcomers : phase.known
    const asked = performance.now()
    const done = (/** @type {boolean} */ passed) => {
      answers.waits.push(performance.now() - asked)
      if (!passed) return
      answers.served += 1
      if (isNewcomer) onNewcomer()
    }
    const headers = { cookie: `sid=102${who.padStart(22, 'x')}`, 'sec-fetch-mode': 'cors' }
    guard(
      stubRequest(headers),
      refusable(() => done(false)),
      () => done(true),
    )
  }

  return {
    /** What was asked since the last phase; answers that are still out come in later. */
    nextPhase() {
      const ended = phase
      phase = emptyPhase()
      return ended
    },
    /** @param {() => void} heard */
    onNextNewcomer(heard) {
      onNewcomer = heard
    },
    stop() {
      clearInterval(timer)
    },
  }
}

/** @returns {Phase} */
function emptyPhase() {
  return { known: { served: 0, waits: [] }, newcomers: { served: 0, waits: [] } }
}

/**
 * A response that says when it ends.
 * @param {() => void} onEnd
 */
function refusable(onEnd) {
  return Object.assign(Object.create(headerless), { statusCode: 200, end: onEnd })
}

/**
 * @param {ReturnType<typeof startLoad>} load
 * @param {number} atMost
 */
async function firstNewcomer(load, atMost) {
  const back = performance.now()
  const served = new Promise((resolve) => load.onNextNewcomer(() => resolve(true)))
  const giveUp = new AbortController()
  const inTime = await Promise.race([
    served,
    sleep(atMost, false, { signal: giveUp.signal }).catch(() => false),
  ])
  giveUp.abort()
  return inTime ? performance.now() - back : undefined
}

/** Connections this process begins: they count where the org cannot. */
function countConnections() {
  const counter = {
    begun: 0,
    stop: () => unsubscribe('net.client.socket', onSocket),
  }
  const onSocket = () => {
    counter.begun += 1
  }
  subscribe('net.client.socket', onSocket)
  return counter
}

/**
 * @param {string} name
 * @param {Phase} phase
 * @param {{ attempts?: number, recovery?: number | undefined }} [more]
 */
function rowsOf(name, { known, newcomers }, more = {}) {
  return [
    { name, who: 'known', ...figures(known), ...more },
    { name: '', who: 'newcomers', ...figures(newcomers) },
  ]
}

/** @param {Answers} answers */
function figures({ served, waits }) {
  const sorted = waits.toSorted((a, b) => a - b)
  return {
    requests: waits.length,
    served: served / waits.length,
    p50: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
    most: quantile(sorted, 1),
  }
}
