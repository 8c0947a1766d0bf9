/** logout(): signs out here at once, and closes the session at Okta now or as soon as Okta answers. */
import type { IncomingMessage } from 'node:http'
import type { Handler, LogoutOptions, Reply, RequestLike } from '../../public-types.js'
import { isFormPost, readFields } from '../body.js'
import { checkedOptions } from '../handler-options.js'
import type { Kit } from '../kit.js'
import { empty, json, redirect } from '../reply.js'
import { returnToOf } from '../return-to.js'
import { createPostHandler } from './post-handler.js'

/**
 * Refuses every session cookie of the request, several values of one name included, expires them in the
 * browser, then closes each session at Okta. A form is answered 303, a fetch 204; where Okta did not
 * confirm, 303 with `Okta-Closed: false` or 200 `{ "oktaClosed": false }`: signed out here all the same.
 */
export function createLogout(kit: Kit, options: LogoutOptions | undefined): Handler {
  const checked = checkedOptions('logout', options)

  async function signOut(req: IncomingMessage): Promise<Reply> {
    const { closing, isComplete, expired } = kit.signOutEvery(req)
    const [read, ...closed] = await Promise.all([readFields(req, ['returnTo']), ...closing])
    // A body that can't be read loses the return path, never the sign-out.
    const field = 'fields' in read ? read.fields.get('returnTo') : undefined
    const returnTo = returnToOf(field, req, kit.settings, checked.returnTo)
    // Beyond a few values of one name the rest is neither refused nor closed: the answer says so.
    const headers = { 'set-cookie': expired }
    return answer(isComplete && closed.every(Boolean), returnTo, headers, req)
  }

  function answer(
    oktaClosed: boolean,
    returnTo: string,
    headers: Reply['headers'],
    req: RequestLike,
  ): Reply {
    if (isFormPost(req))
      return redirect(303, returnTo, {
        ...headers,
        ...(!oktaClosed && { 'okta-closed': 'false' }),
      })
    return oktaClosed ? empty(headers) : json(200, { oktaClosed }, headers)
  }

  return createPostHandler(kit, 'logout', signOut, SIGN_OUT_PAGE)
}

/** The answer to GET. A link must not sign out: any site could contain one. */
const SIGN_OUT_PAGE = { status: 405, code: 'sign_out' } as const
