/** The page: it shows the signed-in user, refreshes the session, saves a note and signs out. */
import { call, Refusal, signInUrl } from './api.js'

/** Marks in this tab that the browser was sent to sign in, so that it is sent once. */
const SENT = 'sent-to-sign-in'

const account = find('account', HTMLFormElement)
const note = find('note', HTMLInputElement)
const link = find('sign-in', HTMLAnchorElement)

find('refresh', HTMLButtonElement).addEventListener('click', () => act(refresh))
find('sign-out', HTMLButtonElement).addEventListener('click', () => act(signOut))
account.addEventListener('submit', (event) => {
  event.preventDefault()
  void act(save)
})
await act(load)

async function load() {
  const { login, note: saved } = await call('/account')
  sessionStorage.removeItem(SENT)
  note.value = saved
  show(`Signed in as ${login}.`, true)
}

async function refresh() {
  const { expiresAt } = await call('/session/refresh', { method: 'POST' })
  show(`You stay signed in until ${new Date(expiresAt).toLocaleTimeString()}.`, true)
}

async function save() {
  const headers = { 'content-type': 'application/json' }
  await call('/note', { method: 'PUT', headers, body: JSON.stringify({ note: note.value }) })
  show('The note is saved.', true)
}

async function signOut() {
  await call('/sign-out', { method: 'POST' })
  show('You are signed out.', false)
  link.href = signInUrl()
  link.hidden = false
}

/** @param {() => Promise<void>} action */
async function act(action) {
  try {
    await action()
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    if (error.kind === 'sign_in') signIn(error.message)
    else show(error.message, error.kind === 'wait' && !account.hidden)
    if (error.kind === 'wait') setTimeout(() => act(load), error.retryAfter * 1_000)
  }
}

/** @param {string} message */
function signIn(message) {
  link.href = signInUrl()
  if (sessionStorage.getItem(SENT) === null) {
    sessionStorage.setItem(SENT, 'true')
    location.assign(link.href)
    return
  }
  // Sent again, a browser that sends the API no cookie would go in a circle.
  show(`${message} If you have just signed in, the API did not receive your session.`, false)
  link.hidden = false
}

/**
 * @param {string} text
 * @param {boolean} isSignedIn
 */
function show(text, isSignedIn) {
  find('status', HTMLElement).textContent = text
  account.hidden = !isSignedIn
  link.hidden = true
}

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
function find(id, type) {
  const element = document.getElementById(id)
  if (!(element instanceof type)) throw new TypeError(`The page has no ${id}.`)
  return element
}
