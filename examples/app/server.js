/** Starts the example with the org in OKTA_CLIENT_ORGURL, or else with a local org that it starts itself. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { oktaSession } from 'express-okta-session'
import { createLocalOrg } from 'express-okta-session/local-org'
import { createApp } from './app.js'
import { offerStepUp } from './step-up.js'

const server = createServer()

try {
  const url = await listen(process.env.PORT ?? '3000')
  const { okta, app, org } = await build(url)
  server.on('request', app)
  stopOnSignal(async () => {
    await okta.close()
    await org?.close()
  })
  greet(url, org)
} catch (error) {
  console.error(inOneLine(error))
  process.exitCode = 1
  server.close()
}

/**
 * Listens on the loopback interface only, because the local org's passwords are public.
 *
 * @param {string} port
 */
async function listen(port) {
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535)
    throw new RangeError(`PORT is a number from 0 to 65535, not "${port}".`)
  server.listen(Number(port), '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('No port to listen on.')
  return `http://localhost:${address.port}`
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
    const okta = oktaSession({ signInUrl: '/sign-in', onDenied: offerStepUp })
    return { okta, app: createApp({ okta, signInFormFor: orgUrl }) }
  }
  const org = await createLocalOrg()
  const okta = oktaSession({
    orgUrl: org.url,
    appUrl: url,
    credentials: { apiToken: org.apiToken },
    onDenied: offerStepUp,
  })
  return { okta, org, app: createApp({ okta, onlyLocalhost: true }) }
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

/**
 * @param {string} url
 * @param {import('express-okta-session/local-org').LocalOrg} [org]
 */
function greet(url, org) {
  console.log(`\n  The app      ${url}`)
  if (org !== undefined) {
    console.log(`  Its Okta     ${org.url} (a local stand-in)`)
    for (const { login, password, mfa } of org.users)
      console.log(
        `  Sign in as   ${login}  ${password}${mfa ? '  (and a second factor, which the page shows)' : ''}`,
      )
  }
  console.log('\n  Stop with Ctrl-C.\n')
}

/** @param {unknown} error */
function inOneLine(error) {
  if (!(error instanceof Error)) return String(error)
  if ('code' in error && error.code === 'EADDRINUSE')
    return `Port ${process.env.PORT ?? 3000} is in use: stop what listens there, or choose another with PORT=3001 npm start.`
  if ('code' in error && error.code === 'EACCES')
    return `Port ${process.env.PORT} needs privileges: choose one from 1024 on, with PORT=3001 npm start.`
  return error.message
}
