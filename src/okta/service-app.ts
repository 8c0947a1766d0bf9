/** A service app's access token: asked for once however many wait, kept until shortly before it ends, renewed once on a 401. */
import type { Clock, Outcome } from '../contracts.js'
import { parseChallenge } from './api-error.js'
import type { Attempt, Authorization, Authorizer, Target } from './credentials.js'
import { within } from './deadline.js'
import type { Answered } from './exchange.js'
import { type Prover, readNonce } from './signing.js'
import type { AccessToken } from './token-endpoint.js'
import { createTokenEndpoint, type TokenEndpointParts } from './token-endpoint.js'

export function serviceAppAuthorizer(parts: TokenEndpointParts): Authorizer {
  const endpoint = createTokenEndpoint(parts)
  const tokens = keepToken(endpoint.request, parts.clock)
  const nonces: Nonces = { latest: undefined }
  return {
    begin(target, deadline): Attempt {
      let shown: AccessToken | undefined
      let renewed = false
      let nonceAsked = false
      return {
        async show(): Promise<Authorization> {
          const waited = await within(deadline, tokens.get())
          if (waited.kind !== 'done') return waited
          const outcome = waited.value
          if (outcome.kind !== 'ok') return { kind: 'refused', outcome }
          shown = outcome.value
          return headersFor(shown, target, endpoint.prover, nonces)
        },
        reconsider(answer) {
          const nonceWanted = learnNonce(answer, nonces)
          if (answer.status !== 401) return false
          if (nonceWanted && !nonceAsked) {
            nonceAsked = true
            return true
          }
          if (renewed) return false
          renewed = true
          tokens.drop(shown)
          return true
        },
      }
    },
  }
}

/** The nonce the org wants in proofs beside a token; it changes when the org says so. */
interface Nonces {
  latest: string | undefined
}

/** True when the answer asks for a proof with the nonce it names. */
function learnNonce(answer: Answered, nonces: Nonces): boolean {
  const nonce = readNonce(answer)
  nonces.latest = nonce ?? nonces.latest
  return nonce !== undefined && parseChallenge(answer.headers)?.error === 'use_dpop_nonce'
}

async function headersFor(
  { value, scheme }: AccessToken,
  target: Target,
  prover: Prover,
  nonces: Nonces,
): Promise<Authorization> {
  const authorization = `${scheme} ${value}`
  if (scheme === 'Bearer') return { kind: 'headers', headers: { authorization }, secrets: [value] }
  const dpop = await prover.prove({ ...target, nonce: nonces.latest, accessToken: value })
  return { kind: 'headers', headers: { authorization, dpop }, secrets: [value, dpop] }
}

interface KeptToken {
  /** The token at hand, or the outcome of asking for one. Concurrent callers share one request. */
  get(): Promise<Outcome<AccessToken>>
  /** Okta refused this token: unless it has been replaced already, it is not used again. */
  drop(token: AccessToken | undefined): void
}

/** A token is not used for the last minute of its life, or the last tenth if that is less. */
const MOST_UNUSED_MS = 60_000

function keepToken(request: () => Promise<Outcome<AccessToken>>, clock: Clock): KeptToken {
  let kept: { readonly outcome: Outcome<AccessToken>; readonly useUntil: number } | undefined
  let pending: Promise<Outcome<AccessToken>> | undefined

  async function renew(): Promise<Outcome<AccessToken>> {
    const askedAt = clock.monotonic()
    const outcome = await request()
    if (outcome.kind === 'ok') {
      const { lifetimeMs } = outcome.value
      const useUntil = askedAt + lifetimeMs - Math.min(MOST_UNUSED_MS, lifetimeMs / 10)
      kept = { outcome, useUntil }
    }
    return outcome
  }

  return {
    async get() {
      if (kept !== undefined && clock.monotonic() < kept.useUntil) return kept.outcome
      pending ??= renew().finally(() => {
        pending = undefined
      })
      return pending
    },
    drop(token) {
      if (kept?.outcome.kind === 'ok' && kept.outcome.value === token) kept = undefined
    },
  }
}
