/** Names a credential inside this process without keeping it: no secret where keys are published, no header held alive. */
import { hash } from 'node:crypto'
import type { CookieKind } from '../contracts.js'

/**
 * The sha256 of cookie name and value, 32 Latin-1 characters: as short as a key can be, and short
 * however long an `idx` is.
 */
export function credentialKey(as: CookieKind, value: string): string {
  return pairKey(`${as}=${value}`)
}

/** The same of a pair `name=value` that is already one text, such as a Cookie header holds. */
export function pairKey(pair: string): string {
  return hash('sha256', pair, 'binary')
}
