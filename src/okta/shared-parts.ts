/**
 * One frozen object for what many sessions have alike. An org has few identity providers and few ways to
 * sign in, and tens of thousands of remembered sessions: each with its own would be half of their memory.
 */
import type { SessionIdentityProvider } from '../public-types.js'

/** More than any org has; whatever comes after these is simply not shared. */
const MOST_SHARED = 256
const LONGEST_KEY = 256

const lists = new Map<string, readonly string[]>()
const providers = new Map<string, SessionIdentityProvider>()

export function sharedList(list: readonly string[]): readonly string[] {
  // The copy has no room to grow, which an array that was filtered keeps.
  return shared(lists, list, () => Object.freeze([...list]))
}

export function sharedProvider(provider: SessionIdentityProvider): SessionIdentityProvider {
  return shared(providers, provider, () => Object.freeze(provider))
}

function shared<T>(known: Map<string, T>, given: T, freeze: () => T): T {
  const key = JSON.stringify(given)
  const standing = known.get(key)
  if (standing !== undefined) return standing
  const fresh = freeze()
  if (known.size < MOST_SHARED && key.length <= LONGEST_KEY) known.set(key, fresh)
  return fresh
}
