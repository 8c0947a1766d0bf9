/** The people of the org: those it is seeded with, and who of them may sign in. */
import { stableId } from './okta-ids.js'

export interface LocalUser {
  readonly login: string
  readonly password: string
  /** `00u...`, the same at every start for the same login. */
  readonly userId: string
}

/** A user of yours; `userId` is made from the login when left out. */
export interface LocalUserOption {
  readonly login: string
  readonly password: string
  readonly userId?: string
}

export const DEFAULT_USERS: readonly LocalUserOption[] = ['alice', 'bob'].map((name) => ({
  login: `${name}@example.com`,
  password: 'local-password',
}))

export class Users {
  readonly all: readonly LocalUser[]
  readonly #suspended = new Set<string>()

  constructor(options: readonly LocalUserOption[]) {
    this.all = Object.freeze(options.map(toUser))
  }

  find(login: string): LocalUser | undefined {
    const wanted = login.toLowerCase()
    return this.all.find((user) => user.login.toLowerCase() === wanted)
  }

  byId(userId: string): LocalUser | undefined {
    return this.all.find((user) => user.userId === userId)
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

function toUser(option: LocalUserOption): LocalUser {
  const { login, password } = option
  return Object.freeze({ login, password, userId: option.userId ?? stableId('00u', login) })
}
