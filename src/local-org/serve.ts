/** One request from socket to socket: found, counted, answered, written. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Answer } from './answer.js'
import { toAsk } from './ask.js'
import { oktaError } from './okta-error.js'
import { newRequestId } from './okta-ids.js'
import type { OrgParts } from './org-parts.js'
import { type CountedCall, findRoute } from './routes.js'

export interface Serving {
  readonly org: OrgParts
  readonly calls: Record<CountedCall, number>
}

export function serve(serving: Serving, req: IncomingMessage, res: ServerResponse): void {
  const { org, calls } = serving
  const ask = toAsk(req)
  const route = findRoute(ask.method, ask.path)
  if (route.call !== undefined) calls[route.call] += 1
  const answer = route.answer(org, ask)
  if (!(answer instanceof Promise)) {
    write(org, answer, res)
    return
  }
  answer.then(
    (ready) => write(org, ready, res),
    // The client went away while its body was read, or a fault of the org's own.
    () => write(org, oktaError('E0000009'), res),
  )
}

function write(org: OrgParts, answer: Answer, res: ServerResponse): void {
  if (res.destroyed) return
  res.sendDate = false
  const body = Buffer.from(answer.body)
  const headers = [
    ['date', new Date(org.clock.now()).toUTCString()],
    ['x-okta-request-id', newRequestId()],
    ...answer.headers,
    ...(answer.status === 204 ? [] : [['content-length', String(body.length)]]),
  ]
  // A flat list keeps the order and what is sent twice.
  res.writeHead(answer.status, headers.flat())
  res.end(body)
}
