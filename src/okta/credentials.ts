/** The headers that authorise an operation, from an API token, an access token, or a service app. */
import type {
  AccessTokenCredentials,
  ApiTokenCredentials,
  CheckedCredentials,
} from '../options/options.js'
import { type Deadline, within } from './call.js'
import type { CallResult } from './call-error.js'
import type { HttpAbort, HttpAnswer, HttpFailure } from './exchange.js'
import { errorCodeIn, TOKEN_REFUSED } from './okta-answer.js'
import { type ServiceAppParts, serviceAppAuthorizer, TOKEN } from './service-app.js'

/** Authorises operations with one kind of credentials. */
export interface Authorizer {
  begin(target: Target, deadline: Deadline): Attempt
}

/** One operation's authorisation. */
export interface Attempt {
  /** Headers for one try. A token serves all tries of an operation; a proof is signed for each. */
  show(): Promise<Authorization>
  /** Whether an answer calls for a try with other headers, which show() then gives. */
  reconsider(answer: HttpAnswer): boolean
}

/** Headers to send, or why there are none. */
export type Authorization =
  | {
      readonly kind: 'headers'
      readonly headers: Readonly<Record<string, string>>
      /** The secrets in those headers, without their scheme. */
      readonly secrets: readonly string[]
    }
  /** The token request ended without a token. */
  | { readonly kind: 'refused'; readonly tokenCall: CallResult<never> }
  | HttpFailure
  | HttpAbort

export interface Target {
  readonly method: string
  /** Absolute, without query. */
  readonly url: string
}

/** Undefined without credentials. */
export function createAuthorizer(
  credentials: CheckedCredentials | undefined,
  parts: Omit<ServiceAppParts, 'credentials'>,
): Authorizer | undefined {
  if (credentials === undefined) return undefined
  if ('apiToken' in credentials) return apiTokenAuthorizer(credentials)
  if ('accessToken' in credentials) return accessTokenAuthorizer(credentials)
  return serviceAppAuthorizer({ ...parts, credentials })
}

/**
 * createSession sends the API token when there is one; OAuth has no scope for it. Okta takes sign-ins without
 * a token as well: after a refusal of the token the next ones are made without it. An answer by a policy
 * about one user looks the same, so the token is used again where a sign-in without it is refused; an
 * invalid token (E0000011) is not.
 */
export function createSignInAuthorizer(
  credentials: CheckedCredentials | undefined,
): Authorizer | undefined {
  if (credentials === undefined || !('apiToken' in credentials)) return undefined
  const withToken = apiTokenAuthorizer(credentials)
  const withoutToken = fixedAuthorizer({}, [])
  let token: 'sent' | 'left_out' | 'invalid' = 'sent'
  return {
    begin(target, deadline) {
      const isSent = token === 'sent'
      const { show } = (isSent ? withToken : withoutToken).begin(target, deadline)
      return {
        show,
        reconsider(answer) {
          const code = answer.status === 401 || answer.status === 403 ? errorCodeIn(answer) : ''
          if (!TOKEN_REFUSED.has(code ?? '') || token === 'invalid') return false
          if (isSent) token = code === 'E0000011' ? 'invalid' : 'left_out'
          else token = 'sent'
          // The session token is not sent a second time: it works once.
          return false
        },
      }
    },
  }
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
