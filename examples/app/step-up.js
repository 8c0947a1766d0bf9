/** What a person sees whose sign-in is not strong or not recent enough for a page. */
import { viewOf } from './view.js'
import { stepUpPage } from './views/step-up.js'

/**
 * For oktaSession()'s `onDenied`: a page of the app's own for this one refusal. `false` leaves every
 * other one to the guard.
 *
 * @param {import('express-okta-session').Denial} denial
 * @param {import('express').Request} req
 * @param {import('express').Response} res
 */
export function offerStepUp({ code, context, status }, req, res) {
  const wanted = code === 'mfa_required' || code === 'reauthentication_required'
  const isPage = req.get('sec-fetch-mode') === 'navigate'
  if (!wanted || !isPage || context.state !== 'active') return false
  res.status(status).send(stepUpPage(viewOf(req)))
  return true
}
