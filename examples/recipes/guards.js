/** Guards with a rule. */

/**
 * @param {import('express').IRouter} app
 * @param {import('express-okta-session').OktaSession} okta
 * @param {import('express').RequestHandler} done
 */
export function mountGuards(app, okta, done) {
  // Requires a second factor, and a sign-in or step-up in the last 15 minutes.
  app.use('/admin', okta.requireSession({ mfa: true, signedInWithinMs: 15 * 60_000 }), done)

  // Bypasses the cache: each request calls Okta, so that a revocation takes effect at once.
  app.post('/transfers', okta.requireSession({ maxStalenessMs: 0 }), done)

  // A check of your own: `true` passes, any other value is 403, and an error goes to next(error).
  app.get(
    '/users/:userId',
    okta.requireSession({ allow: (session, req) => req.params.userId === session.userId }),
    done,
  )
}
