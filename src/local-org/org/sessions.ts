/** The live sessions of the org: how they begin, are found, are kept alive and end. */
import { hash } from 'node:crypto'
import { newClassicId, newIdentityId, newIdxValue } from './okta-ids.js'
import { type Clock, wholeSeconds } from './org-clock.js'
import type { SessionCookies } from './session-cookies.js'
import type { LocalUser } from './users.js'

export type Engine = 'identity' | 'classic'
export type SessionStatus = 'ACTIVE' | 'MFA_REQUIRED' | 'MFA_ENROLL'

/** How a user proved who they are. */
export interface Proof {
  readonly status: SessionStatus
  readonly amr: readonly string[]
  /** Whether a second factor was part of it. */
  readonly factor: boolean
}

export const PASSWORD_ONLY: Proof = { status: 'ACTIVE', amr: ['pwd'], factor: false }

export interface LiveSession {
  /** The value of the `sid` cookie: a credential. */
  readonly internalId: string
  /** What GetCurrentSession, `xids` and event hooks call the session. */
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

/** Swept of what has expired as often as new ones come, so memory stays within about twice the live ones. */
const SMALLEST_SWEEP = 1_000

export class Sessions {
  readonly #byId = new Map<string, LiveSession>()
  /** By a digest: 100,000 `idx` values would be 150 MB. */
  readonly #byIdx = new Map<string, LiveSession>()
  readonly #byUser = new Map<string, Set<LiveSession>>()
  readonly #clock: Clock
  readonly #engine: Engine
  readonly #limits: SessionLimits
  #untilSweep = SMALLEST_SWEEP

  constructor(clock: Clock, engine: Engine, limits: SessionLimits) {
    this.#clock = clock
    this.#engine = engine
    this.#limits = limits
  }

  create(user: LocalUser, proof: Proof): LiveSession {
    this.#sweepAtTimes()
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

  /** The value of an `idx` cookie for a session; from now on it is found by it. */
  issueIdx(session: LiveSession): string {
    const value = newIdxValue()
    if (session.idxDigest !== undefined) this.#byIdx.delete(session.idxDigest)
    session.idxDigest = digestOf(value)
    this.#byIdx.set(session.idxDigest, session)
    return value
  }

  /** By either of its ids. */
  byId(id: string): LiveSession | undefined {
    return this.#ifLive(this.#byId.get(id))
  }

  /** By the cookies of a request. Identity Engine looks at `idx` first, Classic knows only `sid`. */
  byCookies(cookies: SessionCookies): LiveSession | undefined {
    return this.allByCookies(cookies)[0]
  }

  /** Every live session the cookies of a request name, the deciding one first. */
  allByCookies(cookies: SessionCookies): readonly LiveSession[] {
    const { idx, sid } = cookies
    const found: LiveSession[] = []
    if (idx !== undefined && this.#engine === 'identity') {
      const session = this.#ifLive(this.#byIdx.get(digestOf(idx)))
      if (session !== undefined) found.push(session)
    }
    if (sid !== undefined) {
      // An external id is public: it is no credential.
      const session = this.#ifLive(this.#byId.get(sid))
      if (session?.internalId === sid && !found.includes(session)) found.push(session)
    }
    return found
  }

  /** Moves the idle end; the lifetime's end stays. */
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

  /** How many are live, give or take those that expired since the last sweep. */
  get size(): number {
    return this.#byId.size / 2
  }

  /** Live sessions, the oldest first. */
  *live(): Generator<LiveSession> {
    for (const [id, session] of this.#byId) {
      if (id === session.internalId && this.#isLive(session)) yield session
    }
  }

  newest(count: number): readonly LiveSession[] {
    return [...this.live()].slice(-count).reverse()
  }

  #ofUser(user: LocalUser): Set<LiveSession> {
    const known = this.#byUser.get(user.userId)
    if (known !== undefined) return known
    const fresh = new Set<LiveSession>()
    this.#byUser.set(user.userId, fresh)
    return fresh
  }

  #ifLive(session: LiveSession | undefined): LiveSession | undefined {
    if (session === undefined || this.#isLive(session)) return session
    this.end(session)
    return undefined
  }

  #isLive(session: LiveSession): boolean {
    return this.#clock.now() < expiryOf(session)
  }

  #sweepAtTimes(): void {
    this.#untilSweep -= 1
    if (this.#untilSweep > 0) return
    for (const session of this.#byId.values()) {
      if (!this.#isLive(session)) this.end(session)
    }
    this.#untilSweep = Math.max(SMALLEST_SWEEP, this.size)
  }
}

/** When a session ends unless it is refreshed: the earlier of its idle end and its lifetime's end. */
export function expiryOf(session: LiveSession): number {
  return Math.min(session.idleEnd, session.lifetimeEnd)
}

function digestOf(idx: string): string {
  return hash('sha256', idx, 'base64url')
}
