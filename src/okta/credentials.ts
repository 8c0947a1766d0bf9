/** What by-id operations show Okta to be let in: an API token, an access token, or a service app's. */
import type { Outcome } from '../model/contracts.js'
import type { AccessTokenCredentials, Credentials } from '../model/options.js'
import { type Deadline, within } from './deadline.js'
import type { Aborted, Answered, Failed } from './exchange.js'

/** The request that is to be authorised; DPoP signs both. */
export interface Target {
  readonly method: string
  /** Absolute, without query. */
  readonly url: string
}

/** Headers to send, or the reason why there are none: what the token request came to. */
export type Authorization =
  | {
      readonly kind: 'headers'
      readonly headers: Readonly<Record<string, string>>
      /** The secrets in those headers, bare. */
      readonly secrets: readonly string[]
    }
  | { readonly kind: 'refused'; readonly outcome: Outcome<never> }
  | Failed
  | Aborted

/** One operation's way to its headers. */
export interface Attempt {
  /** Headers for one try. A token serves all tries of an operation; a proof is signed for each. */
  show(): Promise<Authorization>
  /** After an answer: whether it calls for a try with other headers, which show() then gives. */
  reconsider(answer: Answered): boolean
}

export interface Authorizer {
  begin(target: Target, deadline: Deadline): Attempt
}

export function createAuthorizer(credentials: Credentials | undefined): Authorizer {
  if (credentials === undefined) return fixedAuthorizer({}, [])
  if ('apiToken' in credentials)
    return fixedAuthorizer({ authorization: `SSWS ${credentials.apiToken}` }, [
      credentials.apiToken,
    ])
  if ('accessToken' in credentials) return accessTokenAuthorizer(credentials)
  throw new TypeError('credentials.privateKey is not supported yet')
}

/** What createSession shows: the API token when there is one. OAuth has no scope for it. */
export function createSignInAuthorizer(credentials: Credentials | undefined): Authorizer {
  const fits = credentials !== undefined && 'apiToken' in credentials
  return createAuthorizer(fits ? credentials : undefined)
}

function fixedAuthorizer(
  headers: Readonly<Record<string, string>>,
  secrets: readonly string[],
): Authorizer {
  const authorization: Authorization = { kind: 'headers', headers, secrets }
  const attempt: Attempt = { show: async () => authorization, reconsider: () => false }
  return { begin: () => attempt }
}

function accessTokenAuthorizer({ accessToken }: AccessTokenCredentials): Authorizer {
  if (typeof accessToken === 'string') return fixedAuthorizer(...bearer(accessToken))
  return {
    begin(_target, deadline) {
      let asked: Promise<Authorization> | undefined
      let renewed = false
      const askApplication = async (): Promise<Authorization> => {
        const token = await within(deadline, (async () => accessToken())())
        if (token.kind !== 'done') return token
        const [headers, secrets] = bearer(token.value)
        return { kind: 'headers', headers, secrets }
      }
      return {
        show() {
          asked ??= askApplication()
          return asked
        },
        reconsider({ status }) {
          if (status !== 401 || renewed) return false
          renewed = true
          asked = undefined
          return true
        },
      }
    },
  }
}

function bearer(token: unknown): [Readonly<Record<string, string>>, readonly string[]] {
  if (typeof token !== 'string' || !TOKEN.test(token))
    throw new TypeError(
      `credentials.accessToken gave ${typeof token === 'string' ? 'a string no header can carry' : typeof token}: it must be, or resolve to, an access token without spaces or control characters`,
    )
  return [{ authorization: `Bearer ${token}` }, [token]]
}

const TOKEN = /^[\x21-\x7e]{1,16384}$/
