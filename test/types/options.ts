/** Options the compiler accepts, and wrong ones it refuses before the app has started. */
import { Agent } from 'node:https'
import { OktaApiError, OktaUnavailableError, oktaSession, SessionApi } from 'express-okta-session'

oktaSession()
oktaSession({
  orgUrl: 'https://id.example.com',
  appUrl: 'https://app.example.com',
  credentials: {
    clientId: '0oaexample',
    privateKey: { kty: 'RSA' },
    scopes: ['okta.sessions.read'],
  },
  cookies: ['idx', { name: '__Host-okta', as: 'sid', signed: true }],
  secret: ['the current one', 'the previous one'],
  cache: { ttlMs: 30_000, maxTtlMs: 30_000 },
  upstream: { failedLookups: { perSecond: 1 }, agent: new Agent({ keepAlive: true }) },
  signInUrl: '/sign-in',
  trustedOrigins: ['https://www.example.com'],
  logger: false,
})
// Under exactOptionalPropertyTypes an option that may be missing may also be handed on as undefined.
oktaSession({ appUrl: process.env.APP_URL, credentials: undefined, cache: { ttlMs: undefined } })

// @ts-expect-error: no such option.
oktaSession({ orgUri: 'https://id.example.com' })
// @ts-expect-error: durations are numbers of milliseconds.
oktaSession({ cache: { ttlMs: '60s' } })
// @ts-expect-error: Okta knows two session cookies.
oktaSession({ cookies: ['okta-session'] })
// @ts-expect-error: a cookie of our own says which of Okta's it stands for.
oktaSession({ cookies: [{ name: '__Host-okta' }] })
// @ts-expect-error: credentials name their kind.
oktaSession({ credentials: { token: 'example' } })
// @ts-expect-error: a logger warns.
oktaSession({ logger: { log: console.log } })

const okta = oktaSession({ orgUrl: 'https://id.example.com' })
// @ts-expect-error: no such rule.
okta.requireSession({ mfaRequired: true })
// @ts-expect-error: a rule that got lost is not no rule.
okta.requireSession(undefined)
// @ts-expect-error: the same of a key: leave it out.
okta.requireSession({ mfa: undefined })
// @ts-expect-error: and of a rule inside other options.
okta.forwardAuth({ rule: undefined })
okta.requireSession({ mfa: false, amr: ['pwd'] })
// @ts-expect-error: forget() wants to know what.
void okta.forget({})

export async function operations(): Promise<string> {
  const api = new SessionApi({ credentials: { accessToken: async () => 'example' } })
  try {
    const session = await api.getCurrentSession('sid=102example', {
      signal: AbortSignal.timeout(1_000),
    })
    await (api.closeCurrentSession('sid=102example') satisfies Promise<void>)
    // @ts-expect-error: a session is frozen.
    session.login = 'somebody@example.com'
    return session.expiresAt
  } catch (error) {
    if (error instanceof OktaApiError)
      return `${error.operation} ${error.status} ${error.errorCode}`
    if (error instanceof OktaUnavailableError) return error.retryable ? 'again' : error.code
    throw error
  }
}
