/** logout(): signed out here at once, at Okta as soon as Okta hears of it. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Handler, RequestLike } from '../../public-types.js'
import type { SignOut } from '../../session/sign-out.js'
import { isAnswered } from '../answered.js'
import { empty, json, redirect } from '../answers.js'
import type { Authenticator } from '../authenticate.js'
import { readFields } from '../body.js'
import type { SessionCookies } from '../cookies.js'
import { isFormPost, type ReturnTo, returnToOf } from '../form-post.js'
import { type IsSameOrigin, sameOriginPost } from '../own-post.js'

export interface LogoutOptions {
  /** Where a sign-out leads that names no (safe) `returnTo`. Default `/`. */
  readonly returnTo?: string | undefined
}

export interface LogoutParts {
  readonly isOurs: IsSameOrigin
  readonly authenticator: Authenticator
  readonly signOut: SignOut
  readonly cookies: SessionCookies
  readonly clientAddress: (req: RequestLike) => string | undefined
  readonly clientIp: (req: RequestLike) => string | undefined
  readonly returnTo: ReturnTo
}

/**
 * Refuses every session cookie of the request, each of several values of one name, expires them in the browser, then closes each session at
 * Okta. A form is answered 303, a fetch 204; where Okta could not be told, 303 with `Okta-Closed: false`
 * or 200 `{ "oktaClosed": false }`: signed out here all the same.
 */
export function createLogout(parts: LogoutParts): Handler {
  return sameOriginPost('logout', parts.isOurs, async (req, res) => {
    const client = parts.clientAddress(req)
    const clientIp = parts.clientIp(req)
    // Refused before anything else can be looked up: signOut() does so before it returns.
    const { candidates, isComplete } = parts.authenticator.everyCandidate(req)
    const closing = candidates.map(({ key, credential }) =>
      parts.signOut.signOut({ key, credential, client, clientIp }),
    )
    parts.cookies.expireAll(res)
    const [read, ...closed] = await Promise.all([readFields(req, ['returnTo']), ...closing])
    if (isAnswered(res)) return
    // A body that can't be read costs the way back, never the sign-out.
    const field = 'fields' in read ? read.fields.get('returnTo') : undefined
    const returnTo = returnToOf(field, req, parts.returnTo)
    // Of more values than a few under one name the rest is neither refused nor closed: the answer says so.
    answer(isComplete && closed.every(Boolean), returnTo, req, res)
  })
}

function answer(
  oktaClosed: boolean,
  returnTo: string,
  req: IncomingMessage,
  res: ServerResponse,
): void {
  if (isFormPost(req)) {
    if (!oktaClosed) res.setHeader('Okta-Closed', 'false')
    redirect(res, 303, returnTo)
  } else if (oktaClosed) empty(res)
  else json(res, 200, { oktaClosed })
}
