/** watch(): tells a long-lived connection when the session it was opened with is over. */

import { misuse } from '../codes.js'
import type { RequestLike, SessionEnd } from '../public-types.js'
import { type FoundContext, sessionEndOf } from '../session/contexts.js'
import type { Watches } from '../session/watch.js'
import type { Authenticator } from './authenticate.js'
import { refuseCapitals } from './misuse.js'
import { header } from './request.js'

export interface WatchParts {
  readonly authenticator: Authenticator
  readonly watches: Watches
}

type OnEnd = (reason: SessionEnd) => void

/** The state that the returned function keeps in memory; it holds nothing of the request. */
interface Following {
  stop: (() => void) | undefined
  unwanted: boolean
}

export function createWatch({ authenticator, watches }: WatchParts) {
  return function watch(req: RequestLike, onEnd: OnEnd): () => void {
    if (typeof onEnd !== 'function')
      throw misuse('EOS311', 'watch(req, onEnd): onEnd is a function (reason) => void')
    refuseCapitals(req)
    const following: Following = { stop: undefined, unwanted: false }
    begin(req, onEnd, following)
    return stopper(following)
  }

  function begin(req: RequestLike, onEnd: OnEnd, following: Following): void {
    const since = watches.position
    // Read now: the request may be gone, or reused, when an answer comes.
    const brought = { headers: { cookie: header(req, 'cookie') } }
    const take = (context: FoundContext) => {
      if (!following.unwanted) following.stop = follow(context, brought, since, onEnd)
    }
    const fail = () => {
      if (!following.unwanted) watches.notify(onEnd, 'unavailable')
    }
    // Never within this call: the caller does not have the returned function yet.
    Promise.resolve(authenticator.find(req)).then(take, fail)
  }

  function follow(
    context: FoundContext,
    brought: RequestLike,
    since: number,
    onEnd: OnEnd,
  ): (() => void) | undefined {
    if (context.state !== 'active') {
      watches.notify(onEnd, sessionEndOf(context))
      return undefined
    }
    const cookie = authenticator.cookieOf(brought, context.session)
    if (cookie !== undefined)
      return watches.watch(cookie.key, cookie.credential, context, since, onEnd)
    watches.notify(onEnd, 'not_found')
    return undefined
  }
}

/** A separate function: closures made together share what they hold, and this one may live as long as a socket. */
function stopper(following: Following): () => void {
  return function unwatch() {
    following.unwanted = true
    following.stop?.()
  }
}
