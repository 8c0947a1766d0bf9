/** Checks a guard's rule when the guard is made, so that a typing error is a fault at start-up and not an open door. */
import type { SessionRule } from '../public-types.js'
import { checkedOptions } from './handler-options.js'

/** The rule, frozen; TypeError with every fault in it, naming whose rule it is. */
export function checkedRule(owner: string, rule: SessionRule | undefined): SessionRule {
  return checkedOptions(owner, rule, {
    mfa: 'boolean',
    amr: 'methods',
    signedInWithinMs: 'duration',
    maxStalenessMs: 'duration',
    allow: 'function',
  })
}
