/** Receives what Okta pushes: a session that ends at Okta ends in this app at once, also on its open pages. */
import { randomBytes } from 'node:crypto'

const EVENTS_PATH = '/okta/events'
const SIGNALS_PATH = '/okta/signals'

/**
 * The settings, as they stand in the environment. Without a secret or an audience that receiver is not mounted.
 *
 * @typedef {object} PushSettings
 * @property {string | undefined} [OKTA_HOOK_SECRET] The authentication secret of the event hook at Okta.
 * @property {string | undefined} [OKTA_SIGNALS_AUDIENCE] The `aud` of the signed pushes.
 * @property {string | undefined} [OKTA_LOGOUT_CLIENT_ID] The app's id at Okta, which Universal Logout names.
 */

/**
 * Mounts the receivers. They read the bodies themselves: mount them in front of body parsers.
 *
 * @param {import('express').Express} app
 * @param {import('express-okta-session').OktaSession} okta
 * @param {PushSettings} settings
 */
export function mountPushes(app, okta, settings) {
  const { OKTA_HOOK_SECRET: secret, OKTA_SIGNALS_AUDIENCE: audience } = settings
  const clientId = settings.OKTA_LOGOUT_CLIENT_ID
  if (secret) app.use(EVENTS_PATH, okta.eventHook({ secret }))
  if (audience) {
    const universalLogout = clientId ? { clientId } : undefined
    app.use(SIGNALS_PATH, okta.sharedSignals({ audience, universalLogout }))
  }
}

/** Settings for a local org, with a secret that is new in each run. */
export function localPushSettings() {
  return {
    OKTA_HOOK_SECRET: randomBytes(32).toString('base64url'),
    OKTA_SIGNALS_AUDIENCE: 'https://harbour.example/okta/signals',
    OKTA_LOGOUT_CLIENT_ID: '0oaharbour',
  }
}

/**
 * Registers the receivers at `url` with a local org. At Okta an administrator does this once.
 *
 * @param {import('express-okta-session/local-org').LocalOrg} org
 * @param {string} url
 * @param {PushSettings} settings
 */
export async function registerPushes(org, url, settings) {
  const { OKTA_HOOK_SECRET: authorization, OKTA_SIGNALS_AUDIENCE: audience } = settings
  const clientId = settings.OKTA_LOGOUT_CLIENT_ID
  if (audience) org.addSignals({ url: url + SIGNALS_PATH, audience })
  if (audience && clientId) org.addUniversalLogout({ url: url + SIGNALS_PATH, audience, clientId })
  if (authorization) await org.addEventHook({ url: url + EVENTS_PATH, authorization })
}

/**
 * @param {import('express-okta-session/local-org').LocalOrg} org
 * @param {string} url
 */
export function unregisterPushes(org, url) {
  for (const path of [EVENTS_PATH, SIGNALS_PATH]) org.removePushes(url + path)
}
