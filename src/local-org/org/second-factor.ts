/** The second factor: passcodes, sign-ins that wait for one, and step-up of a live session. */
import { newStateToken } from './okta-ids.js'
import { wholeSeconds } from './org-clock.js'
import type { OrgParts, SignedIn } from './org-parts.js'
import type { LiveSession, Proof } from './sessions.js'
import { isPassCode, passCodeAt } from './totp.js'
import { factorOf, type LocalUser } from './users.js'

export const PASSWORD_AND_PASSCODE: Proof = {
  status: 'ACTIVE',
  amr: ['pwd', 'otp', 'mfa'],
  factor: true,
}

/** The passcode that a user's authenticator app shows now. */
export function currentPassCode(org: OrgParts, user: LocalUser): string {
  return passCodeAt(factorOf(user).sharedSecret, org.clock.now())
}

export function isRightPassCode(org: OrgParts, user: LocalUser, passCode: unknown): boolean {
  const { sharedSecret } = factorOf(user)
  return typeof passCode === 'string' && isPassCode(sharedSecret, passCode, org.clock.now())
}

/** Issues the state token of a sign-in that waits for its second factor. */
export function awaitSecondFactor(org: OrgParts, user: LocalUser): string {
  const token = newStateToken()
  org.stateTokens.set(token, user)
  return token
}

/** Completes a waiting sign-in: a valid passcode uses up the state token. */
export function verifySecondFactor(
  org: OrgParts,
  stateToken: string,
  passCode: unknown,
): SignedIn | 'unknown_token' | 'wrong_passcode' {
  const user = org.stateTokens.get(stateToken)
  if (user === undefined || org.users.isSuspended(user)) return 'unknown_token'
  if (!isRightPassCode(org, user, passCode)) return 'wrong_passcode'
  org.stateTokens.delete(stateToken)
  return { user, proof: PASSWORD_AND_PASSCODE }
}

/** Gives a live session the strength of one that began with both factors; its cookie stays the same. */
export function addSecondFactor(org: OrgParts, session: LiveSession): void {
  session.status = 'ACTIVE'
  session.amr = [...new Set([...session.amr, 'otp', 'mfa'])]
  session.lastFactorVerification = wholeSeconds(org.clock.now())
}
