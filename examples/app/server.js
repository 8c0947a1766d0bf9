/**
 * Starts the example with the org in OKTA_CLIENT_ORGURL, or else with a local org that it starts itself.
 * `--instances 2` starts it as two processes that share sessions; see instances.js.
 */
import { createServer } from 'node:http'
import { oktaSession } from 'express-okta-session'
import { createLocalOrg } from 'express-okta-session/local-org'
import { createApp } from './app.js'
import { readInstances } from './arguments.js'
import { greet } from './greeting.js'
import { inOneLine, listen } from './listening.js'
import { localPushSettings, registerPushes } from './pushes.js'
import { offerStepUp } from './step-up.js'

const server = createServer()

try {
  const instances = readInstances(process.argv.slice(2))
  if (instances === undefined) await serve()
  else await serveAsInstances(instances)
} catch (error) {
  console.error(inOneLine(error))
  process.exit(1)
}

async function serve() {
  const url = await listen(server, process.env.PORT ?? '3000')
  const { okta, app, org, pushes } = await build(url)
  server.on('request', app)
  stopOnSignal(async () => {
    await okta.close()
    await org?.close()
  })
  if (org !== undefined) await registerPushes(org, url, pushes)
  greet([['The app', url]], org)
}

/** Only instances need a Redis client: it is imported for them alone. @param {number} count */
async function serveAsInstances(count) {
  const { runInstances } = await import('./instances.js')
  await runInstances(count)
}

/**
 * Builds the app and its org. Cookies ignore ports, so an app on localhost receives the local org's cookie,
 * as it would receive Okta's behind one reverse proxy.
 *
 * @param {string} url
 */
async function build(url) {
  const orgUrl = process.env.OKTA_CLIENT_ORGURL
  if (orgUrl) {
    const okta = oktaSession({ signInUrl: '/sign-in', onDenied: offerStepUp() })
    return { okta, app: createApp({ okta, signInFormFor: orgUrl, pushes: process.env }) }
  }
  const pushes = localPushSettings()
  const org = await createLocalOrg()
  const okta = oktaSession({
    orgUrl: org.url,
    appUrl: url,
    credentials: { apiToken: org.apiToken },
    onDenied: offerStepUp(`${org.url}/login/step-up`),
  })
  return { okta, org, pushes, app: createApp({ okta, pushes, onlyLocalhost: true }) }
}

/** @param {() => Promise<void>} closeParts */
function stopOnSignal(closeParts) {
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, stop)

  async function stop() {
    server.close()
    // A keep-alive connection of a browser would delay the exit: it is closed after two seconds.
    setTimeout(() => server.closeAllConnections(), 2_000).unref()
    await closeParts()
  }
}
