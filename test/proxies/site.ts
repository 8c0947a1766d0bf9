/** A local org behind TLS, what a proxy serves beside it on one host, and a browser of that host. */
import { once } from 'node:events'
import { type ClientRequest, createServer, type RequestListener } from 'node:http'
import { Agent, request } from 'node:https'
import { type AddressInfo, connect, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { type OktaSession, type OktaSessionOptions, oktaSession } from 'express-okta-session'
import { createLocalOrg, type LocalOrg, type LocalOrgOptions } from 'express-okta-session/local-org'
import { onTestFinished } from 'vitest'
import { Browser, type Requester } from '../examples/browser.js'
import { exampleHost } from '../okta/certificates.js'
import { type ProxyChoices, type ProxyName, proxyPorts, startProxy } from './programs.js'

export const host = 'www.example.com'
export const origin = `https://${host}`

export interface Site {
  readonly org: LocalOrg
  readonly okta: OktaSession
  readonly browser: Browser
  /** Connects to the proxy whatever the host of the URL is. */
  readonly agent: Agent
  readonly httpPort: number
}

export interface SiteChoices extends Pick<ProxyChoices, 'recipe' | 'breaks'> {
  readonly org?: LocalOrgOptions
  readonly okta?: OktaSessionOptions
  /** The app of `one-host`, or the auth service of `forward-auth`. */
  readonly app: (okta: OktaSession) => RequestListener | HttpServer
  /** What `forward-auth` protects. */
  readonly program?: RequestListener
}

type HttpServer = ReturnType<typeof createServer>

/** Starts everything. The app calls Okta at the shared host, through the proxy, as it does in production. */
export async function startSite(proxy: ProxyName, choices: SiteChoices): Promise<Site> {
  const org = await createLocalOrg({
    allowedHosts: [host],
    trustedOrigins: [origin],
    ...choices.org,
  })
  onTestFinished(() => org.close())
  const ports = await proxyPorts()
  // The options of an agent win over those of a request.
  const address = { host: '127.0.0.1', port: ports.https, servername: host }
  const agent = new Agent({ ca: exampleHost.cert, ...address })
  onTestFinished(() => agent.destroy())
  const okta = oktaSession({
    orgUrl: origin,
    appUrl: origin,
    logger: false,
    ...choices.okta,
    upstream: { agent, ...choices.okta?.upstream },
  })
  onTestFinished(() => okta.close())
  const app = choices.app(okta)
  const appPort = await listen(typeof app === 'function' ? createServer(app) : app)
  const values: Record<string, string> = {
    '127.0.0.1:3000': `127.0.0.1:${appPort}`,
    'example.okta.com:443': `127.0.0.1:${await serveTls(Number(new URL(org.url).port))}`,
  }
  if (choices.program !== undefined)
    values['127.0.0.1:8080'] = `127.0.0.1:${await listen(createServer(choices.program))}`
  await startProxy(proxy, { ...choices, ports, values })
  return { org, okta, agent, httpPort: ports.http, browser: new Browser(requesterOver(agent)) }
}

/** Gives the browser a session without a page; returns its cookie. */
export function signIn(org: LocalOrg, { cookies }: Browser): string {
  const cookie = org.signIn('alice@example.com')
  const [name = '', value = ''] = cookie.split(/=(.*)/s)
  cookies.set(name, value)
  return cookie
}

function requesterOver(agent: Agent): Requester {
  return function requestOver(url, options, onResponse): ClientRequest {
    return request(url, { ...options, agent }, onResponse)
  }
}

/** Okta's side of TLS: it serves the custom domain to clients that name it, and no others. */
async function serveTls(orgPort: number): Promise<number> {
  const server = createTlsServer(exampleHost, (socket) => {
    if (socket.servername !== host) {
      socket.destroy()
      return
    }
    const org = connect({ port: orgPort, host: '127.0.0.1' })
    socket.pipe(org).pipe(socket)
    socket.on('error', () => org.destroy())
    org.on('error', () => socket.destroy())
  })
  return listen(server)
}

/** Listens until the test is over; returns the port. */
async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return (server.address() as AddressInfo).port
}
