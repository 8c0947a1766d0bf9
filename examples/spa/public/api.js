/** Calls the API, and turns its refusals into errors that say what to do. */
import { apiUrl } from './config.js'

/** `kind` is what the page can do about it: `sign_in`, `wait` or `none`. */
export class Refusal extends Error {
  /**
   * @param {'sign_in' | 'wait' | 'none'} kind
   * @param {string} message
   * @param {number} [retryAfter] In seconds.
   */
  constructor(kind, message, retryAfter = 0) {
    super(message)
    this.kind = kind
    this.retryAfter = retryAfter
  }
}

/**
 * @param {string} path
 * @param {RequestInit} [options]
 */
export async function call(path, options) {
  const response = await fetch(apiUrl + path, { ...options, credentials: 'include' }).catch(() => {
    // The browser tells a script no more: its console does.
    throw new Refusal('none', 'The API cannot be reached, or it does not accept this origin.')
  })
  if (response.status === 204) return undefined
  const body = await response.json().catch(() => ({}))
  if (response.ok) return body
  throw refusal(response, body.code)
}

/**
 * @param {Response} response
 * @param {string} [code] Of the problem that requireSession(), refresh() and logout() answer.
 */
function refusal({ status, headers }, code) {
  if (status === 401) return new Refusal('sign_in', 'You are not signed in.')
  // A second factor is missing.
  if (code?.startsWith('mfa_')) return new Refusal('sign_in', 'Your sign-in is not complete.')
  if (status === 429 || status === 503) {
    const message = 'Your sign-in cannot be checked right now. You are not signed out.'
    // A script reads this header only because the API exposes it.
    return new Refusal('wait', message, Number(headers.get('retry-after') ?? 5))
  }
  return new Refusal('none', `The API refused with ${status} ${code ?? ''}.`)
}

/** The API's address to sign in and come back to this page. */
export function signInUrl() {
  return `${apiUrl}/sign-in?returnTo=${encodeURIComponent(location.href)}`
}
