/** Guards for what a session may not do as it is. */

/**
 * @param {import('express').Express} app
 * @param {import('express-okta-session').OktaSession} okta
 * @param {import('express').RequestHandler} done
 */
export function mountGuards(app, okta, done) {
  // A second factor, given in the last quarter of an hour.
  app.use('/admin', okta.requireSession({ mfa: true, signedInWithinMs: 15 * 60_000 }), done)

  // Money moves: Okta is asked for this very request, so that a revocation a second ago counts.
  app.post('/transfers', okta.requireSession({ maxStalenessMs: 0 }), done)

  // A check of your own: `true` lets through, anything else is 403, a throw goes to next(error).
  app.get(
    '/users/:userId',
    okta.requireSession({ allow: (session, req) => req.url === `/users/${session.userId}` }),
    done,
  )
}
