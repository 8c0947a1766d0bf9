/** The live sessions of the org: creates, finds, refreshes and ends them. */
import { hash } from 'node:crypto'
import { newClassicId, newIdentityId, newIdxValue } from './okta-ids.js'
import { type Clock, wholeSeconds } from './org-clock.js'
import type { SessionCookies } from './session-cookies.js'
import type { LocalUser } from './users.js'

/** Okta's engines: Identity Engine, whose cookie is `idx`, and Classic, whose cookie is `sid`. */
export type Engine = 'identity' | 'classic'

/** The statuses of a session; only an `ACTIVE` one is a complete sign-in. */
export type SessionStatus = 'ACTIVE' | 'MFA_REQUIRED' | 'MFA_ENROLL'

/** How a user authenticated, and the session status that results. */
export interface Proof {
  readonly status: SessionStatus
  readonly amr: readonly string[]
  /** Whether a second factor was verified. */
  readonly factor: boolean
}

export const PASSWORD_ONLY: Proof = { status: 'ACTIVE', amr: ['pwd'], factor: false }

export interface LiveSession {
  /** The value of the `sid` cookie: a credential. */
  readonly internalId: string
  /** The id in GetCurrentSession, `xids` and event hooks. */
  readonly externalId: string
  readonly user: LocalUser
  readonly createdAt: number
  readonly lifetimeEnd: number
  idleEnd: number
  status: SessionStatus
  amr: readonly string[]
  lastPasswordVerification: number | null
  lastFactorVerification: number | null
  idxDigest?: string
}

export interface SessionLimits {
  readonly idleMs: number
  readonly lifetimeMs: number
}

/** Expired sessions are swept after as many new ones as there are sessions, and no sooner than after this many. */
const MIN_SWEEP_INTERVAL = 1_000

export class Sessions {
  readonly #byId = new Map<string, LiveSession>()
  /** Keyed by a digest: 100,000 `idx` values would take 150 MB. */
  readonly #byIdx = new Map<string, LiveSession>()
  readonly #byUser = new Map<string, Set<LiveSession>>()
  readonly #clock: Clock
  readonly #engine: Engine
  readonly #limits: SessionLimits
  #untilSweep = MIN_SWEEP_INTERVAL

  constructor(clock: Clock, engine: Engine, limits: SessionLimits) {
    this.#clock = clock
    this.#engine = engine
    this.#limits = limits
  }

  create(user: LocalUser, proof: Proof): LiveSession {
    this.#sweepWhenDue()
    const now = wholeSeconds(this.#clock.now())
    const session: LiveSession = {
      internalId: newClassicId(),
      externalId: this.#engine === 'identity' ? newIdentityId() : newClassicId(),
      user,
      createdAt: now,
      lifetimeEnd: now + this.#limits.lifetimeMs,
      idleEnd: now + this.#limits.idleMs,
      status: proof.status,
      amr: proof.amr,
      lastPasswordVerification: proof.amr.includes('pwd') ? now : null,
      lastFactorVerification: proof.factor ? now : null,
    }
    this.#byId.set(session.internalId, session).set(session.externalId, session)
    this.#ofUser(user).add(session)
    return session
  }

  /** Issues the value of a session's `idx` cookie; a later value replaces an earlier one. */
  issueIdx(session: LiveSession): string {
    const value = newIdxValue()
    if (session.idxDigest !== undefined) this.#byIdx.delete(session.idxDigest)
    session.idxDigest = digestOf(value)
    this.#byIdx.set(session.idxDigest, session)
    return value
  }

  /** Finds a live session by either of its ids. */
  byId(id: string): LiveSession | undefined {
    return this.#ifLive(this.#byId.get(id))
  }

  /** Finds a live session by the cookies of a request. Identity Engine reads `idx` first, Classic only `sid`. */
  byCookies(cookies: SessionCookies): LiveSession | undefined {
    return this.allByCookies(cookies)[0]
  }

  /** All live sessions of a request's cookies; the first one is its current session. */
  allByCookies(cookies: SessionCookies): readonly LiveSession[] {
    const { idx, sid } = cookies
    const found: LiveSession[] = []
    if (idx !== undefined && this.#engine === 'identity') {
      const session = this.#ifLive(this.#byIdx.get(digestOf(idx)))
      if (session !== undefined) found.push(session)
    }
    if (sid !== undefined) {
      // The external id is not accepted as `sid`: it is public and no credential.
      const session = this.#ifLive(this.#byId.get(sid))
      if (session?.internalId === sid && !found.includes(session)) found.push(session)
    }
    return found
  }

  /** Moves the idle end; the end of the lifetime stays. */
  refresh(session: LiveSession): void {
    session.idleEnd = wholeSeconds(this.#clock.now()) + this.#limits.idleMs
  }

  end(session: LiveSession): void {
    this.#byId.delete(session.internalId)
    this.#byId.delete(session.externalId)
    if (session.idxDigest !== undefined) this.#byIdx.delete(session.idxDigest)
    const ofUser = this.#byUser.get(session.user.userId)
    ofUser?.delete(session)
    if (ofUser?.size === 0) this.#byUser.delete(session.user.userId)
  }

  endAllOf(user: LocalUser): number {
    const ended = [...(this.#byUser.get(user.userId) ?? [])]
    for (const session of ended) this.end(session)
    return ended.length
  }

  /** The number of sessions, including those that expired since the last sweep. */
  get size(): number {
    return this.#byId.size / 2
  }

  /** Live sessions, oldest first. */
  *live(): Generator<LiveSession> {
    for (const [id, session] of this.#byId) {
      if (id === session.internalId && this.#isLive(session)) yield session
    }
  }

  #ofUser(user: LocalUser): Set<LiveSession> {
    const existing = this.#byUser.get(user.userId)
    if (existing !== undefined) return existing
    const created = new Set<LiveSession>()
    this.#byUser.set(user.userId, created)
    return created
  }

  #ifLive(session: LiveSession | undefined): LiveSession | undefined {
    if (session === undefined || this.#isLive(session)) return session
    this.end(session)
    return undefined
  }

  #isLive(session: LiveSession): boolean {
    return this.#clock.now() < expiryOf(session)
  }

  #sweepWhenDue(): void {
    this.#untilSweep -= 1
    if (this.#untilSweep > 0) return
    for (const session of this.#byId.values()) {
      if (!this.#isLive(session)) this.end(session)
    }
    this.#untilSweep = Math.max(MIN_SWEEP_INTERVAL, this.size)
  }
}

/** When a session expires without a refresh: at its idle end or the end of its lifetime, whichever is earlier. */
export function expiryOf(session: LiveSession): number {
  return Math.min(session.idleEnd, session.lifetimeEnd)
}

function digestOf(idx: string): string {
  return hash('sha256', idx, 'base64url')
}
