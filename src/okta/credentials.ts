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
  first(): Promise<Authorization>
  /** After each answer: what to try again with; undefined when there is nothing, and the answer stands. */
  again(answer: Answered): Promise<Authorization | undefined>
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
  const attempt: Attempt = {
    first: async () => authorization,
    again: async () => undefined,
  }
  return { begin: () => attempt }
}

function accessTokenAuthorizer({ accessToken }: AccessTokenCredentials): Authorizer {
  if (typeof accessToken === 'string') return fixedAuthorizer(...bearer(accessToken))
  return {
    begin(_target, deadline) {
      let renewed = false
      const askApplication = async (): Promise<Authorization> => {
        const asked = await within(deadline, (async () => accessToken())())
        if (asked.kind !== 'done') return asked
        const [headers, secrets] = bearer(asked.value)
        return { kind: 'headers', headers, secrets }
      }
      return {
        first: askApplication,
        async again(answer) {
          if (answer.status !== 401 || renewed) return undefined
          renewed = true
          return askApplication()
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
