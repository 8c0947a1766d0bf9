/** What login(), refresh() and logout() share: they accept POST only, and only from pages of this app or trusted origins. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Duplex } from 'node:stream'
import type { Handler, Reply, RequestLike } from '../../public-types.js'
import { leavesBodyUnread } from '../body.js'
import type { Denied } from '../decide.js'
import type { Kit } from '../kit.js'
import type { Page } from '../pages.js'
import {
  isAnswered,
  later,
  methodNotAllowed,
  problem,
  send,
  sendAndClose,
  setHeaders,
} from '../reply.js'
import { header, isGetOrHead, requestHost, wantsPage } from '../request.js'

/**
 * OPTIONS passes to `next()`, other methods are answered 405, posts from elsewhere 403 `cross_site`. A
 * rejection goes to `next(error)`. `pageOfGet` is what a person sees who opens the address in a browser.
 */
export function createPostHandler(
  kit: Pick<Kit, 'isSameOrigin' | 'denials' | 'answerWithPage' | 'logMisuse' | 'settings'>,
  name: string,
  act: (req: IncomingMessage) => Promise<Reply | Denied>,
  pageOfGet?: Page,
): Handler {
  const handler: Handler = (req, res, next) => {
    if (req.method === 'OPTIONS') {
      next()
      return
    }
    if (isAnswered(res)) return
    setHeaders(res, { 'cache-control': 'no-store' })
    if (req.method !== 'POST') answerPost(notPost(req), req, res)
    else if (!kit.isSameOrigin(req)) answerPost(crossSite(req), req, res)
    else
      later(act(req), res, next, (outcome) => {
        if (!('reason' in outcome)) return answerPost(outcome, req, res)
        if (leavesBodyUnread(req)) endConnection(res)
        kit.denials.answer(outcome, req, res, next)
      })
  }
  Object.defineProperty(handler, 'name', { value: name })
  return handler

  function notPost(req: IncomingMessage): Reply {
    if (pageOfGet !== undefined && isGetOrHead(req) && wantsPage(req))
      return kit.answerWithPage(pageOfGet, req, { allow: 'POST' })
    const detail = `${name}() takes POST alone, so that no link and no image calls it: use a form with method="post", or fetch(url, { method: 'POST' }).`
    kit.logMisuse({ code: 'method_not_allowed', detail }, { handler: name, method: req.method })
    return methodNotAllowed('POST', detail)
  }

  function crossSite(req: RequestLike): Reply {
    const misuse = { code: 'cross_site', detail: CROSS_SITE_DETAIL } as const
    kit.logMisuse(misuse, { handler: name, ...whereFrom(req), appUrl: kit.settings.appUrl })
    if (!wantsPage(req)) return problem({ status: 403, ...misuse })
    return kit.answerWithPage({ status: 403, code: 'cross_site' }, req)
  }
}

const CROSS_SITE_DETAIL =
  'The post does not come from a page of this app, as far as its headers tell. Behind a proxy set appUrl to the origin that browsers see, or let the proxy keep Host (nginx: proxy_set_header Host $host). A page of another origin belongs in trustedOrigins. A client that is no browser needs allowNonBrowserClients: true, and sends X-Requested-By.'

/** The headers that were compared, for the log. */
function whereFrom(req: RequestLike) {
  const [origin, site] = ['origin', 'sec-fetch-site'].map((name) =>
    header(req, name)?.slice(0, 300),
  )
  return { origin, secFetchSite: site, host: requestHost(req) }
}

/** Sends a reply; the connection ends with it where the client may go on sending a body that is not read. */
export function answerPost(reply: Reply, req: IncomingMessage, res: ServerResponse): void {
  if (!leavesBodyUnread(req)) send(res, reply)
  else if (req.httpVersionMajor < 2) sendAndClose(res, reply)
  else {
    endConnection(res)
    send(res, reply)
  }
}

/** Closes the connection after the answer: Node would read the rest of a long body to reuse it. */
function endConnection(res: ServerResponse): void {
  const stream = 'stream' in res ? res.stream : undefined
  if (stream instanceof Duplex) res.once('finish', () => stream.destroy())
  else setHeaders(res, { connection: 'close' })
}
