/** Formats the fields of a session as text. */
import { html } from './html.js'

/** @param {readonly (readonly [name: string, value: unknown])[]} rows */
export function facts(rows) {
  return html`<dl>${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`
}

/**
 * Formats a time in UTC; local-time.js converts it to the browser's time zone.
 *
 * @param {string | null | undefined} iso
 * @param {string} [id]
 */
export function time(iso, id) {
  if (iso === null || iso === undefined) return 'not in this session'
  const utc = `${iso.slice(0, 16).replace('T', ' ')} UTC`
  return html`<time datetime="${iso}"${id && html` id="${id}"`}>${utc}</time>`
}

/** Names authentication methods (RFC 8176, and Okta's own). @param {readonly string[]} amr */
export function methods(amr) {
  if (amr.length === 0) return 'Okta did not say'
  return amr.map((method) => `${words[method] ?? 'another way'} (${method})`).join(', ')
}

/** @type {Record<string, string>} */
const words = {
  pwd: 'password',
  swk: 'software key',
  hwk: 'hardware key',
  otp: 'one-time code',
  sms: 'text message',
  tel: 'phone call',
  geo: 'location',
  fpt: 'fingerprint',
  kba: 'security question',
  mfa: 'more than one factor',
  mca: 'more than one channel',
  sc: 'smart card',
}
