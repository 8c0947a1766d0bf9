/** Shows a step-up page to users whose sign-in is too weak or too old for a page. */
import { viewOf } from './view.js'
import { stepUpPage } from './views/step-up.js'

/**
 * The `onDenied` option of oktaSession(): answers these two denials with a page of the app's own. `false`
 * leaves every other denial to the guard.
 *
 * @param {import('express-okta-session').Denial} denial
 * @param {import('express').Request} req
 * @param {import('express').Response} res
 */
export function offerStepUp({ code, context, status }, req, res) {
  const needsStepUp = code === 'mfa_required' || code === 'reauthentication_required'
  const isPage = req.get('sec-fetch-mode') === 'navigate'
  if (!needsStepUp || !isPage || context.state !== 'active') return false
  res.status(status).send(stepUpPage(viewOf(req)))
  return true
}
