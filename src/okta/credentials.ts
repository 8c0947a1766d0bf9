/** The headers that authorise an operation: of an API token, an access token, or a service app. */
import type { Outcome } from '../contracts.js'
import type {
  AccessTokenCredentials,
  ApiTokenCredentials,
  CheckedCredentials,
} from '../options/options.js'
import type { Deadline } from './deadline.js'
import { within } from './deadline.js'
import type { Aborted, Answered, Failed } from './exchange.js'
import { serviceAppAuthorizer } from './service-app.js'
import type { TokenEndpointParts } from './token-endpoint.js'
import { TOKEN } from './token-endpoint.js'

/** What a service app needs besides its key. */
export type AuthorizerParts = Omit<TokenEndpointParts, 'credentials'>

export function createAuthorizer(
  credentials: CheckedCredentials | undefined,
  parts: AuthorizerParts,
): Authorizer {
  if (credentials === undefined) return noAuthorizer
  if ('apiToken' in credentials) return apiTokenAuthorizer(credentials)
  if ('accessToken' in credentials) return accessTokenAuthorizer(credentials)
  return serviceAppAuthorizer({ ...parts, credentials })
}

/** For operations that show a cookie, or nothing at all. */
export const noAuthorizer: Authorizer = fixedAuthorizer({}, [])

/** What createSession shows: the API token when there is one. OAuth has no scope for it. */
export function createSignInAuthorizer(credentials: CheckedCredentials | undefined): Authorizer {
  if (credentials === undefined || !('apiToken' in credentials)) return noAuthorizer
  return apiTokenAuthorizer(credentials)
}

function apiTokenAuthorizer({ apiToken }: ApiTokenCredentials): Authorizer {
  return fixedAuthorizer({ authorization: `SSWS ${apiToken}` }, [apiToken])
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

export interface Target {
  readonly method: string
  /** Absolute, without query. */
  readonly url: string
}
