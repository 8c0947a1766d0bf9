/** The people of the org: those it is seeded with, their second factors, and who of them may sign in. */
import { createHash } from 'node:crypto'
import { stableId } from './okta-ids.js'
import { toBase32 } from './totp.js'

export interface LocalUser {
  readonly login: string
  readonly password: string
  /** `00u...`, the same at every start for the same login. */
  readonly userId: string
  /** Only of users who are asked for a second factor when they sign in. */
  readonly mfa?: LocalFactor
}

/** An authenticator app: six digits, new every 30 seconds (RFC 6238, SHA-1). */
export interface LocalFactor {
  readonly factorId: string
  /** Base32, as a real authenticator app takes it. */
  readonly sharedSecret: string
}

/** A user of yours. */
export interface LocalUserOption {
  readonly login: string
  readonly password: string
  /** Default: made from the login. */
  readonly userId?: string
  /** Whether to ask for a second factor at sign-in. Default false. */
  readonly mfa?: boolean
}

const PASSWORD = 'local-password'

export const DEFAULT_USERS: readonly LocalUserOption[] = [
  { login: 'alice@example.com', password: PASSWORD },
  { login: 'bob@example.com', password: PASSWORD },
  { login: 'carol@example.com', password: PASSWORD, mfa: true },
]

export class Users {
  readonly all: readonly LocalUser[]
  readonly #byLogin: ReadonlyMap<string, LocalUser>
  readonly #byId: ReadonlyMap<string, LocalUser>
  readonly #suspended = new Set<string>()

  constructor(options: readonly LocalUserOption[]) {
    this.all = Object.freeze(options.map(toUser))
    this.#byLogin = new Map(this.all.map((user) => [user.login.toLowerCase(), user]))
    this.#byId = new Map(this.all.map((user) => [user.userId, user]))
  }

  find(login: string): LocalUser | undefined {
    return this.#byLogin.get(login.toLowerCase())
  }

  byId(userId: string): LocalUser | undefined {
    return this.#byId.get(userId)
  }

  /** The user with these credentials, unless suspended; Okta doesn't say which of it was wrong. */
  authenticate(login: string, password: string): LocalUser | undefined {
    const user = this.find(login)
    if (user === undefined || user.password !== password) return undefined
    return this.isSuspended(user) ? undefined : user
  }

  isSuspended(user: LocalUser): boolean {
    return this.#suspended.has(user.userId)
  }

  suspend(user: LocalUser): void {
    this.#suspended.add(user.userId)
  }

  unsuspend(user: LocalUser): void {
    this.#suspended.delete(user.userId)
  }
}

/** Everybody has an authenticator, so that any session can be made stronger. */
export function factorOf(user: LocalUser): LocalFactor {
  return user.mfa ?? factorFor(user.login)
}

function toUser(option: LocalUserOption): LocalUser {
  const { login, password, mfa } = option
  return Object.freeze({
    login,
    password,
    userId: option.userId ?? stableId('00u', login),
    ...(mfa === true && { mfa: factorFor(login) }),
  })
}

function factorFor(login: string): LocalFactor {
  const secret = createHash('sha256').update(`authenticator ${login}`).digest().subarray(0, 20)
  return Object.freeze({ factorId: stableId('ost', login), sharedSecret: toBase32(secret) })
}
