/** A Koa app with a page for everybody, one for users, and one for users with a second factor. */
import Koa from 'koa'
import { lend, requireSession } from './adapter.js'

/** @param {import('express-okta-session').OktaSession} okta */
export function createApp(okta) {
  /** @type {Readonly<Record<string, readonly Koa.Middleware[]>>} */
  const routes = {
    '/': [answer(() => 'Hello')],
    '/account': [requireSession(okta), answer(({ state }) => ({ login: state.session.login }))],
    '/admin': [
      requireSession(okta, { mfa: true }),
      answer(({ state }) => ({ administrator: state.session.login })),
    ],
    '/logout': [lend(okta.logout())],
    '/session/refresh': [lend(okta.refresh())],
    '/session': [lend(okta.sessionInfo())],
  }
  const app = new Koa()
  app.use(async (ctx) => {
    const [first, second] = routes[ctx.path] ?? []
    await first?.(ctx, async () => second?.(ctx, async () => {}))
  })
  return app
}

/**
 * @param {(ctx: Koa.Context) => string | object} body
 * @returns {Koa.Middleware}
 */
function answer(body) {
  return (ctx) => {
    ctx.body = body(ctx)
  }
}
