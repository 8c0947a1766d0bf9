/** The headers that authorise an operation, from an API token, an access token, or a service app. */
import { misuse } from '../codes.js'
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

/** So many refusals in a row, without another answer between them, end a way that has worked. */
const REFUSALS = 3
const MAX_REFUSALS = 24

/**
 * createSession sends the API token when there is one; OAuth has no scope for it. Okta takes sign-ins without
 * a token as well: after a refusal of the token the next one is made without it, as a trial. An org that needs
 * the token refuses it, and a policy about one user is answered like a refused token. So a trial that is refused
 * leads back, and each makes the next one need twice as many refusals; a way that has worked needs three.
 */
export function createSignInAuthorizer(
  credentials: CheckedCredentials | undefined,
): Authorizer | undefined {
  if (credentials === undefined || !('apiToken' in credentials)) return undefined
  const withToken = apiTokenAuthorizer(credentials)
  const withoutToken = fixedAuthorizer({}, [])
  let current = withToken
  let isTrial = false
  let refusals = 0
  let refusalsNeeded = 1

  function change(to: Authorizer, { asTrial }: { asTrial: boolean }): void {
    current = to
    isTrial = asTrial
    refusals = 0
  }

  function onWorked(used: Authorizer): void {
    // The token was accepted for another sign-in while one was tried without it.
    if (used !== current && !isTrial) return
    refusalsNeeded = used === current && isTrial ? REFUSALS : Math.max(REFUSALS, refusalsNeeded)
    change(used, { asTrial: false })
  }

  function onRefused(used: Authorizer): void {
    if (used !== current) return
    const other = used === withToken ? withoutToken : withToken
    if (isTrial) {
      refusalsNeeded = Math.min(refusalsNeeded * 2, MAX_REFUSALS)
      change(other, { asTrial: false })
      return
    }
    refusals += 1
    if (refusals >= refusalsNeeded) change(other, { asTrial: true })
  }

  return {
    begin(target, deadline) {
      const used = current
      const { show } = used.begin(target, deadline)
      return {
        show,
        reconsider(answer) {
          const outcome = signInOutcome(answer)
          if (outcome === 'worked') onWorked(used)
          if (outcome === 'refused') onRefused(used)
          // The session token is not sent a second time: it works once.
          return false
        },
      }
    },
  }
}

/** What an answer to createSession says of the Authorization header; undefined: nothing. */
function signInOutcome(answer: HttpAnswer): 'worked' | 'refused' | undefined {
  const { status } = answer
  if (status === 200) return 'worked'
  const code = status === 401 || status === 403 ? errorCodeIn(answer) : undefined
  if (code === undefined) return undefined
  if (TOKEN_REFUSED.has(code)) return 'refused'
  // Okta accepted the request and judged the session token.
  return status === 401 && code === 'E0000004' ? 'worked' : undefined
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
    throw misuse(
      'EOS318',
      `credentials.accessToken gave ${typeof token === 'string' ? 'a string no header can carry' : typeof token}: it must be, or resolve to, an access token without spaces or control characters`,
    )
  return [{ authorization: `Bearer ${token}` }, [token]]
}
