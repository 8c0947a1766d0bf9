/** The app's own sign-in form in the browser: authenticates at Okta, and posts the session token to the app. */
import { find } from './find.js'

/** @typedef {{ factorType: string, _links: { verify: { href: string } } }} Factor */
/**
 * The answer of Okta's primary authentication, reduced to the fields that this page reads.
 *
 * @typedef {object} Transaction
 * @property {string} status
 * @property {string} [sessionToken]
 * @property {string} [stateToken]
 * @property {{ factors?: Factor[] }} [_embedded]
 */

const passwordForm = find('password-form', HTMLFormElement)
const codeForm = find('code-form', HTMLFormElement)
const tokenForm = find('token-form', HTMLFormElement)
const username = find('username', HTMLInputElement)
const password = find('password', HTMLInputElement)
const code = find('code', HTMLInputElement)
const problem = find('problem', HTMLElement)
const orgUrl = passwordForm.dataset.orgUrl ?? ''

onSubmit(passwordForm, async () => {
  const credentials = { username: username.value, password: password.value }
  proceed(
    await post(`${orgUrl}/api/v1/authn`, credentials, 'The user name or the password is wrong.'),
  )
})

/** @param {Transaction} transaction */
function proceed({ status, sessionToken, stateToken, _embedded }) {
  if (status === 'SUCCESS' && sessionToken !== undefined) return submitToken(sessionToken)
  const app = _embedded?.factors?.find(({ factorType }) => factorType === 'token:software:totp')
  if (status !== 'MFA_REQUIRED' || app === undefined)
    throw new Error(`This form does not support the status ${status}: sign in on Okta's own page.`)
  passwordForm.hidden = true
  codeForm.hidden = false
  code.focus()
  onSubmit(codeForm, async () => {
    const answer = { stateToken, passCode: code.value }
    proceed(await post(app._links.verify.href, answer, 'The code was not accepted.'))
  })
}

/** Posts the token to login(). It is valid once, for five minutes. @param {string} sessionToken */
function submitToken(sessionToken) {
  const field = tokenForm.elements.namedItem('sessionToken')
  if (field instanceof HTMLInputElement) field.value = sessionToken
  tokenForm.submit()
}

/**
 * @param {string} url
 * @param {object} body
 * @param {string} rejected The message for a 401 or 403.
 * @returns {Promise<Transaction>}
 */
async function post(url, body, rejected) {
  const request = {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
    body: JSON.stringify(body),
  }
  const response = await fetch(url, request).catch(() => {
    throw new Error(
      `This page cannot reach Okta. Is ${location.origin} one of the org's trusted origins?`,
    )
  })
  if (response.status === 401 || response.status === 403) throw new Error(rejected)
  if (response.status === 429) throw new Error('Too many attempts: please wait a minute.')
  if (!response.ok) throw new Error('Okta did not accept this. Please try again.')
  return response.json()
}

/**
 * @param {HTMLFormElement} form
 * @param {() => Promise<void>} act
 */
function onSubmit(form, act) {
  const button = form.querySelector('button')
  if (button !== null) button.disabled = false
  form.onsubmit = async (event) => {
    event.preventDefault()
    problem.textContent = ''
    try {
      await act()
    } catch (error) {
      problem.textContent = error instanceof Error ? error.message : String(error)
    }
  }
}
