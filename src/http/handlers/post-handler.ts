/** What login(), refresh() and logout() have in common: POST alone, from a page of ours alone. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Duplex } from 'node:stream'
import type { Handler, Reply, RequestLike } from '../../public-types.js'
import { leavesBodyUnread } from '../body.js'
import type { Denied } from '../decide.js'
import type { Kit } from '../kit.js'
import { page } from '../pages.js'
import {
  isAnswered,
  later,
  methodNotAllowed,
  problem,
  send,
  sendAndClose,
  setHeaders,
} from '../reply.js'
import { wantsPage } from '../request.js'

/**
 * OPTIONS passes to `next()`, other methods are answered 405, posts from elsewhere 403 `cross_site`. A
 * rejection goes to `next(error)`.
 */
export function createPostHandler(
  kit: Pick<Kit, 'isSameOrigin' | 'denials'>,
  name: string,
  act: (req: IncomingMessage) => Promise<Reply | Denied>,
): Handler {
  const handler: Handler = (req, res, next) => {
    if (req.method === 'OPTIONS') {
      next()
      return
    }
    if (isAnswered(res)) return
    setHeaders(res, { 'cache-control': 'no-store' })
    if (req.method !== 'POST') answer(methodNotAllowed('POST'), req, res)
    else if (!kit.isSameOrigin(req)) answer(crossSite(req), req, res)
    else
      later(act(req), res, next, (outcome) => {
        if (!('reason' in outcome)) return answer(outcome, req, res)
        if (leavesBodyUnread(req)) endConnection(res)
        kit.denials.answer(outcome, req, res, next)
      })
  }
  Object.defineProperty(handler, 'name', { value: name })
  return handler
}

function answer(reply: Reply, req: IncomingMessage, res: ServerResponse): void {
  if (!leavesBodyUnread(req)) send(res, reply)
  else if (req.httpVersionMajor < 2) sendAndClose(res, reply)
  else {
    endConnection(res)
    send(res, reply)
  }
}

/** After the answer, and with it what is left of a long body: Node would read that to reuse the connection. */
function endConnection(res: ServerResponse): void {
  const stream = 'stream' in res ? res.stream : undefined
  if (stream instanceof Duplex) res.once('finish', () => stream.destroy())
  else setHeaders(res, { connection: 'close' })
}

function crossSite(req: RequestLike): Reply {
  if (!wantsPage(req)) return problem({ status: 403, code: 'cross_site' })
  return page({
    status: 403,
    title: 'Not from here',
    text: 'This form was sent from another site, or your browser did not say from where.',
  })
}
