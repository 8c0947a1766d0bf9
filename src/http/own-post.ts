/** The limiter in front of our POST handlers: the right method, from a page of ours. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Handler } from '../public-types.js'
import { isAnswered } from './answered.js'
import { methodNotAllowed, noStore, problem, wantsPage } from './answers.js'
import { later } from './later.js'
import { page } from './pages.js'

type Next = (error?: unknown) => void

/** Whether a post comes from a page of ours. */
export type IsSameOrigin = (req: IncomingMessage) => boolean

/**
 * Wraps what a POST handler does. OPTIONS passes to `next()`, other methods are answered 405, posts from
 * elsewhere 403 `cross_site`. A rejection goes to `next(error)`.
 */
export function sameOriginPost(
  name: string,
  isOurs: IsSameOrigin,
  act: (req: IncomingMessage, res: ServerResponse, next: Next) => Promise<void>,
): Handler {
  const handler: Handler = (req, res, next) => {
    if (req.method === 'OPTIONS') {
      next()
      return
    }
    if (isAnswered(res)) return
    noStore(res)
    if (req.method !== 'POST') methodNotAllowed(res, 'POST')
    else if (!isOurs(req)) refuse(req, res)
    else later(act(req, res, next), res, next, () => {})
  }
  Object.defineProperty(handler, 'name', { value: name })
  return handler
}

function refuse(req: IncomingMessage, res: ServerResponse): void {
  if (wantsPage(req))
    page(res, {
      status: 403,
      title: 'Not from here',
      text: 'This form was sent from another site, or your browser did not say from where.',
    })
  else problem(res, { status: 403, code: 'cross_site' })
}
