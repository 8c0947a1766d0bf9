/** The page on another origin and its API, running: with a local org behind the API, on ports of their own. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { type OktaSessionOptions, oktaSession } from 'express-okta-session'
import { createLocalOrg, type LocalOrg } from 'express-okta-session/local-org'
import { createApi } from '../../examples/spa/api.js'
import { createPage } from '../../examples/spa/page.js'

export interface RunningSpa {
  readonly org: LocalOrg
  readonly apiUrl: string
  readonly pageUrl: string
  /** The same page on an origin that the API does not list. */
  readonly untrustedUrl: string
  /** What the API has received, in order. */
  readonly received: readonly IncomingMessage[]
  close(): Promise<void>
}

/** `pageHost`: the host name under which browsers open the page. */
export async function startSpa(
  okta: OktaSessionOptions = {},
  pageHost = 'localhost',
): Promise<RunningSpa> {
  const servers = await Promise.all([listening(), listening(), listening()])
  const [api, page, untrusted] = servers
  const pageUrl = `http://${pageHost}:${page.port}`
  const apiUrl = `http://localhost:${api.port}`
  const org = await createLocalOrg()
  const session = oktaSession({
    orgUrl: org.url,
    appUrl: apiUrl,
    trustedOrigins: [pageUrl],
    logger: false,
    ...okta,
  })
  api.serve(createApi({ okta: session, origins: [pageUrl] }))
  for (const { serve } of [page, untrusted]) serve(createPage(apiUrl))
  return {
    org,
    apiUrl,
    pageUrl,
    received: api.received,
    untrustedUrl: `http://localhost:${untrusted.port}`,
    async close() {
      for (const { close } of servers) close()
      await session.close()
      await org.close()
    },
  }
}

/** A server whose port is known before its handler: page and API name each other. */
async function listening() {
  const received: IncomingMessage[] = []
  const server = createServer((req) => received.push(req)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    port: address.port,
    received,
    serve: (listener: RequestListener) => void server.on('request', listener),
    close: () => server.close().closeAllConnections(),
  }
}
