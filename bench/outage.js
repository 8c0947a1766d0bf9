/** Measures an outage of Okta in real time: connections are refused, or accepted and never answered. */
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
    ? { perSecond: 300, users: 100, before: 1_000, down: 2_500, after: 2_500, ttlMs: 1_000 }
    : { perSecond: 1_000, users: 1_000, before: 15_000, down: 60_000, after: 15_000, ttlMs: 60_000 }
  const rows = []
  for (const kind of /** @type {const} */ (['refused', 'hangs']))
    rows.push(...(await outage(plan, kind)))
  return {
    title: `outage: the org down for ${plan.down / 1_000} s at ${plan.perSecond} requests a second, in real time`,
    columns: [
      { key: 'name', title: 'phase' },
      { key: 'users', title: 'users' },
      { key: 'requests', title: 'requests' },
      { key: 'served', title: 'served', percent: true, digits: 2 },
      { key: 'p50', title: 'p50 ms', digits: 2 },
      { key: 'p99', title: 'p99 ms', digits: 1 },
      { key: 'max', title: 'max ms' },
      { key: 'attempts', title: 'calls to Okta' },
      { key: 'recovery', title: 'recovered after ms' },
    ],
    rows,
    notes: [
      `${plan.users} seen users; one request in a hundred is of an unseen user with a live session. ttlMs is ${plan.ttlMs}, every other option at its default.`,
      'Requests go to the guard directly, the exchange over loopback; the times include the load of this process and of the machine.',
      'Calls: connections opened, or requests that reached the org. Recovered: from the end of the outage to the first unseen user that the guard passes.',
    ],
  }
}

/**
 * @param {{ perSecond: number, users: number, before: number, down: number, after: number, ttlMs: number }} plan
 * @param {'refused' | 'hangs'} kind
 */
async function outage({ perSecond, users, before, down, after, ttlMs }, kind) {
  const org = await tinyOrg({ takesMs: 5 })
  const settings = parseOptions({ orgUrl: org.url, logger: false, cache: { ttlMs } }, {})
  const okta = composeOktaSession(settings, { clock: systemClock, random: Math.random })
  const load = startLoad(okta.requireSession(), perSecond, users)
  const connections = countConnections()
  const attempts = () => (kind === 'hangs' ? org.calls : connections.opened)

  await sleep(before)
  const healthy = load.nextPhase()
  const callsBefore = attempts()
  const recover = await takeDown(org, kind)
  await sleep(down)
  const failing = load.nextPhase()
  const callsDuring = attempts() - callsBefore
  await recover()
  const recovery = await timeToFirstUnseen(load, after)
  await sleep(after)
  load.stop()
  const recovered = load.nextPhase()
  connections.stop()
  await okta.close()
  await org.close()
  return [
    ...rowsOf(`${kind}: before`, healthy),
    ...rowsOf(`${kind}: down`, failing, { attempts: callsDuring }),
    ...rowsOf(`${kind}: after`, recovered, { recovery }),
  ]
}

/**
 * @param {import('./parts/tiny-org.js').TinyOrg} org
 * @param {'refused' | 'hangs'} kind
 * @returns {Promise<() => Promise<void>>} Ends the outage.
 */
async function takeDown(org, kind) {
  if (kind === 'hangs') {
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
 * @property {Answers} seen
 * @property {Answers} unseen
 */

/** @typedef {{ served: number, waits: number[] }} Answers */

/**
 * Sends requests at a constant rate, regardless of their answers.
 * @param {import('./parts/stubs.js').Handler} guard
 * @param {number} perSecond
 * @param {number} users
 */
function startLoad(guard, perSecond, users) {
  let phase = emptyPhase()
  let sent = 0
  let unseen = 0
  let onUnseenServed = () => {}
  const began = performance.now()
  const timer = setInterval(() => {
    const due = ((performance.now() - began) / 1_000) * perSecond
    for (; sent < due; sent += 1) send(sent % 100 === 99)
  }, TICK_MS)

  /** @param {boolean} isUnseen */
  function send(isUnseen) {
    if (isUnseen) unseen += 1
    const user = isUnseen ? `new${unseen}` : `seen${sent % users}`
    const answers = isUnseen ? phase.unseen : phase.seen
    const startedAt = performance.now()
    const done = (/** @type {boolean} */ passed) => {
      answers.waits.push(performance.now() - startedAt)
      if (!passed) return
      answers.served += 1
      if (isUnseen) onUnseenServed()
    }
    const headers = { cookie: `sid=102${user.padStart(22, 'x')}`, 'sec-fetch-mode': 'cors' }
    guard(
      stubRequest(headers),
      stubResponse(() => done(false)),
      () => done(true),
    )
  }

  return {
    /** Starts a new phase and returns the last one, to which its pending answers are still added. */
    nextPhase() {
      const ended = phase
      phase = emptyPhase()
      return ended
    },
    /** @param {() => void} callback */
    onNextUnseenServed(callback) {
      onUnseenServed = callback
    },
    stop() {
      clearInterval(timer)
    },
  }
}

/** @returns {Phase} */
function emptyPhase() {
  return { seen: { served: 0, waits: [] }, unseen: { served: 0, waits: [] } }
}

/**
 * A response that calls back when it ends.
 * @param {() => void} onEnd
 */
function stubResponse(onEnd) {
  return Object.assign(Object.create(headerless), { statusCode: 200, end: onEnd })
}

/**
 * @param {ReturnType<typeof startLoad>} load
 * @param {number} atMost
 */
async function timeToFirstUnseen(load, atMost) {
  const startedAt = performance.now()
  const served = new Promise((resolve) => load.onNextUnseenServed(() => resolve(true)))
  const timeout = new AbortController()
  const inTime = await Promise.race([
    served,
    sleep(atMost, false, { signal: timeout.signal }).catch(() => false),
  ])
  timeout.abort()
  return inTime ? performance.now() - startedAt : undefined
}

/** Counts the connections that this process opens: the org cannot count refused ones. */
function countConnections() {
  const counter = {
    opened: 0,
    stop: () => unsubscribe('net.client.socket', onSocket),
  }
  const onSocket = () => {
    counter.opened += 1
  }
  subscribe('net.client.socket', onSocket)
  return counter
}

/**
 * @param {string} name
 * @param {Phase} phase
 * @param {{ attempts?: number, recovery?: number | undefined }} [more]
 */
function rowsOf(name, { seen, unseen }, more = {}) {
  return [
    { name, users: 'seen', ...figures(seen), ...more },
    { name: '', users: 'unseen', ...figures(unseen) },
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
    max: quantile(sorted, 1),
  }
}
