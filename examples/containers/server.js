/**
 * The example as a container runs it: one instance with its settings in the environment. It shares sessions with
 * the others over Redis, and ends at SIGTERM.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { hostname } from 'node:os'
import { oktaSession } from 'express-okta-session'
import { redisStore } from 'express-okta-session/redis'
import { createClient } from 'redis'
import { createApp } from '../app/app.js'
import { inOneLine, readPort } from '../app/listening.js'
import { offerStepUp } from '../app/step-up.js'
import { readSecret } from './secret.js'
import { withHealth } from './with-health.js'

const server = createServer()
/** @type {(() => Promise<void>)[]} */
const closers = []

// As process 1 of a container, a program without listeners ignores these signals.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, stop)

try {
  await start(process.env)
} catch (error) {
  console.error(inOneLine(error))
  process.exit(1)
}

/** @param {NodeJS.ProcessEnv} env */
async function start(env) {
  if (!env.REDIS_URL) throw new TypeError('Set REDIS_URL, to redis://redis:6379 for example.')
  const client = createClient({ url: env.REDIS_URL })
  // The package logs what a lost connection means for sessions.
  client.on('error', () => {})
  const okta = oktaSession({
    secret: readSecret(env),
    cache: { store: redisStore({ client }) },
    allowInsecureOrg: env.ALLOW_INSECURE_ORG === 'true',
    onDenied: offerStepUp(),
    ...(env.SIGN_IN_PAGE && { signInUrl: signInAt(env.SIGN_IN_PAGE, env.APP_BASE_URL) }),
  })
  closers.push(async () => {
    await okta.close()
    if (client.isOpen) client.destroy()
  })
  // Not awaited: the app also starts while Redis is down.
  client.connect().catch(() => {})

  const app = createApp({ okta, pushes: env })
  // The proxy is the only client of this port, so that the last address in X-Forwarded-For is the browser's.
  app.set('trust proxy', 1)
  app.locals.describeInstance = describe(okta)
  server.on('request', withHealth(app))
  server.listen(readPort(env.PORT ?? '3000'), env.HOST ?? '127.0.0.1')
  await once(server, 'listening')
  console.log(`Instance ${hostname()} listens on port ${env.PORT ?? 3000}.`)
}

/**
 * Okta's sign-in page at the address that browsers use, where the app calls the org by another one.
 *
 * @param {string} page
 * @param {string | undefined} appUrl
 */
function signInAt(page, appUrl) {
  return (/** @type {string} */ returnTo) => {
    const url = new URL(page, appUrl)
    url.searchParams.set('fromURI', new URL(returnTo, appUrl).href)
    return url.href
  }
}

/** @param {import('express-okta-session').OktaSession} okta */
function describe(okta) {
  /**
   * @param {import('express').Request} req
   * @returns {import('../app/views/instance.js').InstanceView}
   */
  return function describeInstance(req) {
    const { store } = okta.stats()
    return {
      name: hostname(),
      processId: process.pid,
      source: req.okta?.state === 'active' ? req.okta.source : undefined,
      storeState: store?.state,
      alive: store?.instances,
      others: [],
    }
  }
}

async function stop() {
  server.close()
  // Open streams and the connections of browsers would delay the exit: they are closed after two seconds.
  setTimeout(() => server.closeAllConnections(), 2_000).unref()
  for (const close of closers) await close()
}
