/** Extracts from a request the data that every page shows. */
import { themeOf } from './theme.js'

/**
 * @param {import('express').Request} req
 * @returns {import('./views/layout.js').View}
 */
export function viewOf(req) {
  return {
    path: req.path,
    theme: themeOf(req),
    login: req.okta?.session?.login,
    signedOut: 'signed-out' in req.query,
    unavailable: req.okta?.state === 'unavailable',
    instance: req.app.locals.describeInstance?.(req),
  }
}
