/**
 * One instance for the process. Next bundles proxy.js, each page and each route by itself, and each bundle has its
 * own copy of this module; `globalThis` is common to all. Made at the first call, so that `next build` needs no org.
 */
import { oktaSession } from 'express-okta-session'

const shared = /** @type {{ okta?: import('express-okta-session').OktaSession }} */ (globalThis)

/** Reads `OKTA_CLIENT_ORGURL`, and `APP_URL`, which an app behind a reverse proxy needs. */
export function okta() {
  const { APP_URL: appUrl } = process.env
  shared.okta ??= oktaSession(appUrl ? { appUrl } : {})
  return shared.okta
}
