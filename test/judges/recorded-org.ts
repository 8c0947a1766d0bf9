/** A local org with a recorder before it: every request as it arrived, every answer as it left, byte for byte. */
import {
  Agent,
  createServer,
  type IncomingMessage,
  type ServerResponse,
  request as sendRequest,
} from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { createLocalOrg, type LocalOrg, type LocalOrgOptions } from '../../src/local-org/index.js'

/** Names are in lower case; a header sent twice stands twice. */
export type HeaderLine = readonly [name: string, value: string]

export interface SentRequest {
  readonly method: string
  readonly target: string
  readonly headers: readonly HeaderLine[]
  readonly body: string
}

export interface SentResponse {
  readonly status: number
  readonly headers: readonly HeaderLine[]
  readonly body: string
}

export interface Exchange {
  readonly request: SentRequest
  readonly response: SentResponse
}

export interface RecordedOrg {
  readonly org: LocalOrg
  /** Leads all requests to the org through the recorder, under the org's own address. */
  readonly agent: Agent
  /** In the order the answers came. */
  readonly exchanges: readonly Exchange[]
  /** One request through the recorder, and what came of it. */
  send(request: Partial<SentRequest>): Promise<Exchange>
  close(): Promise<void>
}

export async function recordedOrg(options: LocalOrgOptions = {}): Promise<RecordedOrg> {
  const org = await createLocalOrg(options)
  const exchanges: Exchange[] = []
  const recorder = createServer((req, res) => {
    pass(req, res, org).then(
      (exchange) => exchanges.push(exchange),
      () => res.destroy(),
    )
  })
  await new Promise<void>((resolve) => recorder.listen(0, '127.0.0.1', resolve))
  const agent = new Detour(portOf(recorder.address()))
  return {
    org,
    agent,
    exchanges,
    async send(request) {
      await send({ ...EMPTY, ...request }, org, agent)
      const exchange = exchanges.at(-1)
      if (exchange === undefined) throw new Error('nothing was recorded')
      return exchange
    },
    async close() {
      agent.destroy()
      await new Promise((resolve) => recorder.close(resolve))
      await org.close()
    },
  }
}

const EMPTY: SentRequest = { method: 'GET', target: '/', headers: [], body: '' }

/** Connects to the recorder whatever address it is given. */
class Detour extends Agent {
  readonly #port: number

  constructor(port: number) {
    super({ keepAlive: false })
    this.#port = port
  }

  override createConnection() {
    return connect(this.#port, '127.0.0.1')
  }
}

async function pass(req: IncomingMessage, res: ServerResponse, org: LocalOrg): Promise<Exchange> {
  const request = await read(req)
  const response = await forward(org, request)
  res.sendDate = false
  res.writeHead(response.status, response.headers.flat())
  res.end(response.body)
  return { request, response }
}

async function read(req: IncomingMessage): Promise<SentRequest> {
  const { method = '', url: target = '', rawHeaders } = req
  return { method, target, headers: linesOf(rawHeaders), body: await text(req) }
}

async function forward(org: LocalOrg, request: SentRequest): Promise<SentResponse> {
  const res = await send(request, org, false)
  const { statusCode: status = 0, rawHeaders } = res
  return { status, headers: linesOf(rawHeaders), body: await text(res) }
}

function send(
  { method, target, headers, body }: SentRequest,
  org: LocalOrg,
  agent: Agent | false,
): Promise<IncomingMessage> {
  const { port } = new URL(org.url)
  const sent = sendRequest({ host: 'localhost', port, method, path: target, agent })
  // Whose connection it is, is up to each half of the way.
  for (const name of new Set(headers.map(([its]) => its)))
    if (name !== 'connection')
      sent.setHeader(
        name,
        headers.filter(([its]) => its === name).map(([, value]) => value),
      )
  return new Promise((resolve, reject) => {
    sent.on('response', resolve).on('error', reject).end(body)
  })
}

function linesOf(rawHeaders: readonly string[]): HeaderLine[] {
  const lines: HeaderLine[] = []
  for (let at = 0; at < rawHeaders.length; at += 2)
    lines.push([(rawHeaders[at] ?? '').toLowerCase(), rawHeaders[at + 1] ?? ''])
  return lines
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
