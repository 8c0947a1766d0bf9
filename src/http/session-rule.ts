/** Checks a guard's rule when the guard is made, so that a typing error is a fault at start-up and not an open door. */
import type { SessionRule } from '../model/context.js'
import { checkedOptions } from './handler-options.js'

/** The rule, frozen; TypeError with every fault in it. */
export function checkedRule(rule: SessionRule | undefined): SessionRule {
  return checkedOptions('requireSession', rule, {
    mfa: 'boolean',
    amr: 'methods',
    signedInWithinMs: 'duration',
    maxStalenessMs: 'duration',
    allow: 'function',
  })
}
