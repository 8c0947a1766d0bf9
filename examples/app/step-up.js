/** Shows a step-up page to users whose sign-in is too weak or too old for a page. */
import { viewOf } from './view.js'
import { stepUpPage } from './views/step-up.js'

/**
 * Returns the `onDenied` option of oktaSession(), which answers these two denials with a page of the app's own.
 * It returns `false` for every other denial, which leaves it to the guard.
 *
 * @param {string} [orgPage] The org's page that adds a second factor to a live session, if it has one. Otherwise
 *   the user signs out and in again.
 */
export function offerStepUp(orgPage) {
  /**
   * @param {import('express-okta-session').Denial} denial
   * @param {import('express').Request} req
   * @param {import('express').Response} res
   */
  return function answerWithStepUp({ code, context, status }, req, res) {
    const needsStepUp = code === 'mfa_required' || code === 'reauthentication_required'
    const isPage = req.get('sec-fetch-mode') === 'navigate'
    if (!needsStepUp || !isPage || context.state !== 'active') return false
    res.status(status).send(stepUpPage(viewOf(req), orgPage && stepUpUrl(orgPage, req)))
    return true
  }
}

/**
 * The org's page, which returns to the page that was asked for.
 *
 * @param {string} orgPage
 * @param {import('express').Request} req
 */
function stepUpUrl(orgPage, req) {
  const url = new URL(orgPage)
  const back = new URL('/stepped-up', `${req.protocol}://${req.get('host')}`)
  back.searchParams.set('to', req.path)
  url.searchParams.set('fromURI', back.href)
  return url.href
}
