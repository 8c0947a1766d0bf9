/**
 * The account page in the browser: counts down to the session's end, refreshes it while the user is active, and
 * says when it has ended earlier.
 */
import { find } from './find.js'
import { showTime } from './local-time.js'
import { listenForEnd } from './session-end.js'

const EXTEND_AT_MOST_EVERY_MS = 60_000
const WARN_BELOW_MS = 5 * 60_000
const RELOAD_AT_MOST_EVERY_MS = 5_000
/** A smaller difference of the clocks may be the way of the answers. */
const CLOCK_DIFFERENCE_MS = 30_000

const ASKS_NOW = 'The next request asks it again.'

const countdown = find('countdown', HTMLElement)
const expiresAt = find('expires-at', HTMLTimeElement)
const status = find('session-status', HTMLElement)
const warning = find('session-warning', HTMLElement)
const clock = find('clock', HTMLElement)
const asksAgain = find('asks-again', HTMLElement)
const button = find('extend', HTMLButtonElement)

/** Server time minus `performance.now()`, in milliseconds: the user's own clock may be wrong. */
let serverOffset = 0
let endsAt = Number.NaN
let extendedAt = Number.NEGATIVE_INFINITY
let loadedAt = Number.NEGATIVE_INFINITY
let warned = false
/** @type {Promise<void> | undefined} */
let extending
/** By `performance.now()`, since the page was made. */
let asksAgainAt = Number(asksAgain.dataset.inMs)
/**
 * Aborted when a form is submitted, because a pending response must not reload the page that the browser is
 * leaving, and when the session has ended.
 */
const leaving = new AbortController()

button.hidden = false
button.addEventListener('click', () => extend(announce))
for (const event of ['pointerdown', 'keydown', 'wheel'])
  addEventListener(event, onActivity, { passive: true })
addEventListener('submit', () => leaving.abort())
// After a suspend, or in a tab that was in the background, the last answer may be out of date.
document.addEventListener('visibilitychange', () => document.hidden || loadSession())
const ticking = setInterval(tick, 1_000)
listenForEnd({ onEnd: showEnd, onLost: loadSession, signal: leaving.signal })
await loadSession()

/** Gets the session from the app, which answers from its cache: this request does not keep the session alive. */
async function loadSession() {
  if (leaving.signal.aborted) return
  loadedAt = performance.now()
  const response = await request('/session', 'GET')
  if (response?.ok !== true) return
  const info = await response.json().catch(() => undefined)
  if (info === undefined || info.state === 'unavailable') return
  // The session has ended: after a reload the guard redirects to sign-in.
  if (info.state !== 'active') return reload()
  serverOffset = Date.parse(info.serverTime) - performance.now()
  showClock(Date.parse(info.serverTime) - Date.parse(response.headers.get('date') ?? ''))
  show(info.expiresAt)
}

/** @param {Event} event */
async function onActivity({ target }) {
  if (leaving.signal.aborted) return
  // The button sends a request of its own.
  if (target === button) return
  if (performance.now() - extendedAt < EXTEND_AT_MOST_EVERY_MS) return
  // Announced only after a warning: screen readers should not announce an extension every minute.
  await extend(warned ? announce : () => {})
}

/** At most one request at a time. @param {() => void} onExtended */
function extend(onExtended) {
  extending ??= post(onExtended).finally(() => {
    extending = undefined
    button.disabled = false
  })
  button.disabled = true
  return extending
}

/** @param {() => void} onExtended */
async function post(onExtended) {
  extendedAt = performance.now()
  const response = await request('/session/refresh', 'POST')
  if (leaving.signal.aborted) return
  if (response?.status === 401) return reload()
  if (response?.ok !== true) {
    warning.textContent = 'Your session can’t be extended right now. This page will try again.'
    return
  }
  // Okta's answer to a refresh is cached like any other.
  asksAgainAt = performance.now() + Number(asksAgain.dataset.ttlMs)
  warning.textContent = ''
  await loadSession()
  onExtended()
}

/**
 * Resolves to undefined when the request fails.
 *
 * @param {string} path
 * @param {string} method
 */
function request(path, method) {
  return fetch(path, { method, signal: leaving.signal }).catch(() => undefined)
}

function reload() {
  if (!leaving.signal.aborted) location.reload()
}

/** Leaves the page as it is, with a link that leads to sign-in and back. @param {string} reason */
function showEnd(reason) {
  leaving.abort()
  clearInterval(ticking)
  button.hidden = true
  countdown.textContent = ''
  const link = document.createElement('a')
  link.href = location.pathname
  link.textContent = 'Sign in again'
  warning.replaceChildren(`${reason} `, link)
  status.textContent = ''
  asksAgain.textContent = ''
}

function announce() {
  status.textContent = `You stay signed in until ${expiresAt.textContent}.`
}

/** @param {string} iso */
function show(iso) {
  endsAt = Date.parse(iso)
  showTime(expiresAt, iso)
  if (remaining() > WARN_BELOW_MS) warned = false
  if (!warned) warning.textContent = ''
  tick()
}

/** The end follows Okta's clock, which a local org's console can move. @param {number} aheadMs */
function showClock(aheadMs) {
  const isApart = Math.abs(aheadMs) > CLOCK_DIFFERENCE_MS
  const direction = aheadMs > 0 ? 'ahead of' : 'behind'
  clock.textContent = isApart
    ? `Okta’s clock is ${inWords(Math.abs(aheadMs))} ${direction} this app’s. The end of the session follows Okta’s clock.`
    : ''
}

function remaining() {
  return endsAt - (performance.now() + serverOffset)
}

function tick() {
  const asksInMs = asksAgainAt - performance.now()
  asksAgain.textContent =
    asksInMs > 0 ? `It is asked again in ${inWords(asksInMs)}, at the next request.` : ASKS_NOW
  const ms = remaining()
  if (Number.isNaN(ms)) return
  countdown.textContent = inWords(Math.max(0, ms))
  if (ms <= 0 && performance.now() - loadedAt > RELOAD_AT_MOST_EVERY_MS) void loadSession()
  if (ms > 0 && ms <= WARN_BELOW_MS && !warned) {
    warned = true
    warning.textContent = `Your session ends in ${inWords(ms)}. Use this page, or press “Stay signed in”.`
  }
}

/** @param {number} ms */
function inWords(ms) {
  const seconds = Math.floor(ms / 1_000)
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60]
  if (hours > 0) return `${hours} h ${minutes} min`
  if (minutes >= 5) return `${minutes} min`
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`
}
