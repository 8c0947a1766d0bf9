/** A local org, an instance and a recipe's app on a port, which end with the test. */
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { type OktaSession, type OktaSessionOptions, oktaSession } from 'express-okta-session'
import { createLocalOrg, type LocalOrg, type LocalOrgOptions } from 'express-okta-session/local-org'
import { onTestFinished } from 'vitest'

export async function startOrg(options?: LocalOrgOptions): Promise<LocalOrg> {
  const org = await createLocalOrg(options)
  onTestFinished(() => org.close())
  return org
}

export async function startParts(
  options: OktaSessionOptions = {},
): Promise<{ readonly org: LocalOrg; readonly okta: OktaSession }> {
  const org = await startOrg()
  const { apiToken } = org
  const okta = oktaSession({
    orgUrl: org.url,
    credentials: { apiToken },
    logger: false,
    ...options,
  })
  onTestFinished(() => okta.close())
  return { org, okta }
}

/** Returns the app's URL. */
export async function serve(app: RequestListener): Promise<string> {
  const server = createServer(app).listen(0, '127.0.0.1')
  onTestFinished(() => server.close().closeAllConnections())
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return `http://localhost:${address.port}`
}
