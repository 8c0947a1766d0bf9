/** The users of the org, their second factors, and which users are suspended. */
import { createHash } from 'node:crypto'
import { stableId } from './okta-ids.js'
import { toBase32 } from './totp.js'

/** A user of a local org. */
export interface LocalUser {
  /** The user name, an e-mail address. */
  readonly login: string
  /** The password that the sign-in page asks for. */
  readonly password: string
  /** `00u...`, the same at every start for the same login. */
  readonly userId: string
  /** Present when sign-in requires a second factor of the user. */
  readonly mfa?: LocalFactor
}

/** An authenticator app: six digits, a new passcode every 30 seconds (RFC 6238, SHA-1). */
export interface LocalFactor {
  /** The id of the factor at the org. */
  readonly factorId: string
  /** Base32, the format that authenticator apps accept. */
  readonly sharedSecret: string
}

/** A user in the `users` option of createLocalOrg(). */
export interface LocalUserOption {
  /** The user name, an e-mail address. */
  readonly login: string
  /** The password that the sign-in page asks for. */
  readonly password: string
  /** Default: derived from the login. */
  readonly userId?: string
  /** Whether sign-in requires a second factor. Default false. */
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

  /** The user with these credentials; undefined for wrong ones and for a suspended user, as Okta does not tell why. */
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

/** All users have an authenticator app, so that any session can be stepped up. */
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
