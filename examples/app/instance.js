/** One of several instances of the example: a child process of instances.js, which gives it its environment. */
import { createServer } from 'node:http'
import { oktaSession } from 'express-okta-session'
import { createApp } from './app.js'
import { inOneLine, listen } from './listening.js'
import { offerStepUp } from './step-up.js'
import { openStore } from './store.js'

const { INSTANCE_NAME = '', LOCAL_ORG_URL, LOCAL_ORG_API_TOKEN = '', REDIS_URL = '' } = process.env
const server = createServer()
/** @type {readonly import('./instances.js').Instance[]} */
let instances = []

try {
  const url = await listen(server, process.env.PORT ?? '0')
  const opened = await openStore(REDIS_URL)
  const { okta, app } = build(url, opened.store)
  app.locals.describeInstance = describe(okta)
  server.on('request', app)
  stopWithParent(async () => {
    await okta.close()
    opened.close()
  })
  process.on('message', (/** @type {{ instances: typeof instances }} */ message) => {
    instances = message.instances
  })
  process.send?.({ url })
} catch (error) {
  console.error(`${INSTANCE_NAME}: ${inOneLine(error)}`)
  process.exit(1)
}

/**
 * @param {string} url
 * @param {import('express-okta-session').SessionStore} store
 */
function build(url, store) {
  const pushes = process.env
  const orgUrl = process.env.OKTA_CLIENT_ORGURL
  const onDenied = offerStepUp(orgUrl ? undefined : `${LOCAL_ORG_URL}/login/step-up`)
  const shared = { secret: process.env.SESSION_SECRET, cache: { store }, onDenied }
  if (orgUrl) {
    const okta = oktaSession({ ...shared, signInUrl: '/sign-in' })
    return { okta, app: createApp({ okta, pushes, signInFormFor: orgUrl }) }
  }
  const okta = oktaSession({
    ...shared,
    orgUrl: LOCAL_ORG_URL,
    appUrl: url,
    credentials: { apiToken: LOCAL_ORG_API_TOKEN },
  })
  return { okta, app: createApp({ okta, pushes, onlyLocalhost: true }) }
}

/** @param {import('express-okta-session').OktaSession} okta */
function describe(okta) {
  /**
   * @param {import('express').Request} req
   * @returns {import('./views/instance.js').InstanceView}
   */
  return function describeInstance(req) {
    const { store } = okta.stats()
    return {
      name: INSTANCE_NAME,
      processId: process.pid,
      source: req.okta?.state === 'active' ? req.okta.source : undefined,
      storeState: store?.state,
      alive: store?.instances,
      others: instances.filter(({ name }) => name !== INSTANCE_NAME),
    }
  }
}

/** @param {() => Promise<void>} closeParts */
function stopWithParent(closeParts) {
  let isStopping = false
  const stop = async () => {
    if (isStopping) return
    isStopping = true
    server.close()
    setTimeout(() => server.closeAllConnections(), 2_000).unref()
    await closeParts()
    if (process.connected) process.disconnect()
  }
  process.on('SIGTERM', stop)
  process.on('disconnect', stop)
  // Ctrl-C and the end of the terminal reach the parent too, which ends its instances in order.
  for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => {})
}
