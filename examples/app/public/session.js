/** The account page in the browser: counts down to the session's end, and extends it while its reader is active. */
import { find } from './find.js'
import { showTime } from './local-time.js'

const extendAtMostEveryMs = 60_000
const warnBelowMs = 5 * 60_000
const askAgainAfterMs = 5_000

const countdown = find('countdown', HTMLElement)
const expiresAt = find('expires-at', HTMLTimeElement)
const status = find('session-status', HTMLElement)
const button = find('extend', HTMLButtonElement)

/** Okta's clock less this page's, in milliseconds: the reader's own clock may be wrong. */
let ahead = 0
let endsAt = Number.NaN
let extendedAt = Number.NEGATIVE_INFINITY
let learnedAt = Number.NEGATIVE_INFINITY
let warned = false
/** Aborted when the page is being left: then nothing is asked any more, and nothing may load it again. */
const leaving = new AbortController()

button.hidden = false
button.addEventListener('click', () => extend(announce))
for (const sign of ['pointerdown', 'keydown', 'wheel'])
  addEventListener(sign, active, { passive: true })
addEventListener('submit', () => leaving.abort())
// A laptop that slept, a tab that was left: what was known may be long out of date.
document.addEventListener('visibilitychange', () => document.hidden || learn())
setInterval(tick, 1_000)
await learn()

/** Asks the app, which answers from what it knows: looking does not keep a session alive. */
async function learn() {
  learnedAt = performance.now()
  const response = await ask('/session', 'GET')
  if (response?.ok !== true) return
  const info = await response.json().catch(() => undefined)
  if (info === undefined || info.state === 'unavailable') return
  // Signed out elsewhere, or over: the guard says what follows.
  if (info.state !== 'active') return startOver()
  ahead = Date.parse(info.serverTime) - performance.now()
  show(info.expiresAt)
}

async function active() {
  if (performance.now() - extendedAt < extendAtMostEveryMs) return
  // Said aloud only to those who were warned: an extension a minute is no news.
  await extend(warned ? announce : () => {})
}

/** @param {() => void} onExtended */
async function extend(onExtended) {
  extendedAt = performance.now()
  const response = await ask('/session/refresh', 'POST')
  if (leaving.signal.aborted) return
  if (response?.status === 401) return startOver()
  if (response?.ok !== true) {
    status.textContent = 'Your session can’t be extended right now. Go on, and it is tried again.'
    return
  }
  await learn()
  onExtended()
}

/**
 * Undefined when there is no answer.
 *
 * @param {string} path
 * @param {string} method
 */
function ask(path, method) {
  return fetch(path, { method, signal: leaving.signal }).catch(() => undefined)
}

function startOver() {
  if (!leaving.signal.aborted) location.reload()
}

function announce() {
  status.textContent = `You stay signed in until ${expiresAt.textContent}.`
}

/** @param {string} iso */
function show(iso) {
  endsAt = Date.parse(iso)
  showTime(expiresAt, iso)
  if (remaining() > warnBelowMs) warned = false
  tick()
}

function remaining() {
  return endsAt - (performance.now() + ahead)
}

function tick() {
  const ms = remaining()
  if (Number.isNaN(ms)) return
  countdown.textContent = inWords(Math.max(0, ms))
  if (ms <= 0 && performance.now() - learnedAt > askAgainAfterMs) void learn()
  if (ms > 0 && ms <= warnBelowMs && !warned) {
    warned = true
    status.textContent = `Your session ends in ${inWords(ms)}. Use this page, or press “Stay signed in”.`
  }
}

/** @param {number} ms */
function inWords(ms) {
  const seconds = Math.floor(ms / 1_000)
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60]
  if (hours > 0) return `${hours} h ${minutes} min`
  return minutes >= 10 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`
}
