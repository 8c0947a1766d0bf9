/** An org that answers well until told to answer badly: over HTTP, over bare TCP, over TLS, or not at all. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Agent, createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Server, Socket } from 'node:net'
import { createServer as createNetServer } from 'node:net'
import type { Identity } from '../okta/certificates.js'

/** Stands in everything the org sends that no user of the app may see. */
export const UPSTREAM = 'UPSTREAM-TEXT'

export type AnswerHttp = (req: IncomingMessage, res: ServerResponse, org: FaultyOrg) => void
export type AnswerTcp = (socket: Socket, head: string) => void

export type Fault =
  | { readonly over: 'http'; readonly answer: AnswerHttp }
  /** `answer` gets the first bytes of a connection. */
  | { readonly over: 'tcp'; readonly answer: AnswerTcp }
  | { readonly over: 'tls'; readonly identity: Identity; readonly trusted?: Identity }
  /** No server listens. */
  | { readonly over: 'nothing'; readonly orgUrl: () => Promise<string> }

export interface FaultyOrg {
  readonly url: string
  readonly agent: Agent | undefined
  /** Whether it can answer well first. */
  readonly canAnswerWell: boolean
  /** Answers well; otherwise it has its fault. */
  well: boolean
  /** Requests so far, retries included. */
  received: number
  /** Requests for anything but the session: somebody followed a redirect. */
  strayed: number
  /** Bytes written of a long body. */
  written: number
  close(): Promise<void>
}

export async function faultyOrg(fault: Fault): Promise<FaultyOrg> {
  switch (fault.over) {
    case 'http':
      return httpOrg(fault.answer)
    case 'tcp':
      return tcpOrg(fault.answer)
    case 'tls':
      return tlsOrg(fault.identity, fault.trusted)
    case 'nothing':
      return { ...blank(await fault.orgUrl()), close: async () => {} }
  }
}

/** A session that ends in two hours, as the org sees it. */
export function sessionJson(fields: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify(sessionObject(fields))
}

export function sessionObject(fields: Readonly<Record<string, unknown>> = {}) {
  return {
    id: 'l7FbDVqS8zHSy65uJD85',
    login: 'user@example.com',
    userId: '00u0abcdefghijklmnop',
    status: 'ACTIVE',
    expiresAt: new Date(Date.now() + 7_200_000).toISOString(),
    amr: ['pwd'],
    [UPSTREAM]: UPSTREAM,
    ...fields,
  }
}

export function errorJson(errorCode: unknown): string {
  return JSON.stringify({ errorCode, errorSummary: UPSTREAM, errorId: UPSTREAM, errorCauses: [] })
}

/** Answers over HTTP with this. */
export function json(
  status: number,
  body: string,
  headers: Readonly<Record<string, unknown>> = {},
) {
  return ((_req, res) => {
    res.statusCode = status
    res.setHeader('Content-Type', 'application/json')
    for (const [name, value] of Object.entries(headers))
      if (value === undefined) res.removeHeader(name)
      else res.setHeader(name, Array.isArray(value) ? value.map(String) : String(value))
    res.end(body)
  }) satisfies AnswerHttp
}

/** A whole answer as it goes over the wire; the connection ends with it. */
export function wire(status: string, headers: readonly string[], body: string): string {
  return [`HTTP/1.1 ${status}`, 'Connection: close', ...headers, '', body].join('\r\n')
}

function blank(url: string) {
  return {
    url,
    agent: undefined as Agent | undefined,
    canAnswerWell: false,
    well: false,
    received: 0,
    strayed: 0,
    written: 0,
  }
}

async function httpOrg(answer: AnswerHttp): Promise<FaultyOrg> {
  const server = createServer((req, res) => {
    if (req.url === '/api/v1/sessions/me') org.received += 1
    else org.strayed += 1
    if (org.well || req.url !== '/api/v1/sessions/me') json(200, sessionJson())(req, res)
    else answer(req, res, org)
  })
  const { url, close } = await listening(server, 'http')
  const org: FaultyOrg = { ...blank(url), canAnswerWell: true, close }
  return org
}

async function tcpOrg(answer: AnswerTcp): Promise<FaultyOrg> {
  const server = createNetServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', (head) => {
      org.received += 1
      const body = sessionJson()
      const headers = ['Content-Type: application/json', `Content-Length: ${body.length}`]
      if (org.well) socket.end(wire('200 OK', headers, body))
      else answer(socket, head.toString())
    })
  })
  const { url, close } = await listening(server, 'http')
  const org: FaultyOrg = { ...blank(url), canAnswerWell: true, close }
  return org
}

async function tlsOrg(identity: Identity, trusted: Identity | undefined): Promise<FaultyOrg> {
  const server = createTlsServer(identity, (req, res) => json(200, sessionJson())(req, res))
  server.on('connection', () => {
    org.received += 1
  })
  const agent = trusted && new Agent({ ca: trusted.cert })
  const { url, close } = await listening(server, 'https')
  const org: FaultyOrg = { ...blank(url), agent, close }
  return org
}

async function listening(server: Server, scheme: 'http' | 'https') {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve))
  const { port } = server.address() as AddressInfo
  const close = () =>
    new Promise<void>((resolve) => {
      for (const socket of sockets) socket.destroy()
      server.close(() => resolve())
    })
  return { url: `${scheme}://localhost:${port}`, close }
}
