/** A lookup with an Okta, a clock and a network of the test's own: every answer arrives when the test says so. */

import type { Credential, OktaAnswer } from '../../src/contracts.js'
import type { UnavailableCode } from '../../src/errors.js'
import { Limiter } from '../../src/limiter/limiter.js'
import type { Settings } from '../../src/options/options.js'
import { parseOptions } from '../../src/options/parse-options.js'
import type { Session, SessionContext } from '../../src/public-types.js'
import { credentialKey } from '../../src/session/cache.js'
import { Lookup, type LookupRequest } from '../../src/session/lookup.js'
import { RevocationLog } from '../../src/session/revocations.js'
import type { SharedStore } from '../../src/session/shared-cache.js'
import { SignOut } from '../../src/session/sign-out.js'

/** A clock the test moves: `advance` moves wall and monotonic time together. */
export class TestClock {
  wall = Date.parse('2026-11-02T09:00:00.000Z')
  mono = 1_000

  now = (): number => this.wall
  monotonic = (): number => this.mono

  advance(ms: number): void {
    this.wall += ms
    this.mono += ms
  }
}

/** A session at Okta. */
export interface OktaSide {
  readonly session: Session
  ended: boolean
}

/** When a message arrives: at once, or when a scheduler says so. */
export type Deliver = <T>(value: () => T) => Promise<T>

const atOnce: Deliver = async (value) => value()

export interface WorldOptions {
  readonly cache?: Partial<Settings['cache']>
  readonly upstream?: Partial<Settings['upstream']>
  readonly deliver?: Deliver
  readonly random?: () => number
  /** The store this instance shares with others. */
  readonly shared?: SharedStore
  /** The clock and the Okta of another instance, to share them. */
  readonly beside?: LookupWorld
}

export class LookupWorld {
  readonly clock: TestClock
  /** Okta's clock against ours. */
  oktaAheadMs = 0
  /** Whether Okta answers. */
  up = true
  /** The cookie values about which Okta gives no usable answer. */
  readonly ill = new Map<string, UnavailableCode>()
  calls = 0
  readonly okta: Map<string, OktaSide>
  readonly settings: Settings
  readonly limiter: Limiter
  readonly log: RevocationLog
  readonly lookup: Lookup
  readonly signOut: SignOut

  constructor(options: WorldOptions = {}) {
    const { cache, upstream, deliver = atOnce, random = () => 0, shared, beside } = options
    this.clock = beside?.clock ?? new TestClock()
    this.okta = beside?.okta ?? new Map()
    const defaults = parseOptions({ orgUrl: 'https://id.example.com', logger: false }, {})
    this.settings = {
      ...defaults,
      cache: { ...defaults.cache, maxSessions: 100, maxNegatives: 100, ...cache },
      upstream: { ...defaults.upstream, ...upstream },
    }
    const { clock } = this
    const { timeoutMs } = this.settings.api
    this.log = new RevocationLog({
      org: 'org.test',
      clock,
      retentionMs: this.settings.cache.maxTtlMs + 2 * timeoutMs,
      maxRecords: 1_000,
      maxProvisional: 100,
      shared,
    })
    this.limiter = new Limiter({
      org: 'org.test',
      upstream: this.settings.upstream,
      logger: undefined,
      clock,
      random,
    })
    const callOkta = async <T>(credential: Credential, answer: (side: OktaSide) => T) => {
      this.calls += 1
      // The request travels, Okta decides, the answer travels back.
      const decided = await deliver(() => this.#decide(credential, answer))
      return deliver(() => decided)
    }
    const fetchSession = (credential: Credential) => callOkta(credential, ({ session }) => session)
    const closeSession = (credential: Credential) =>
      callOkta(credential, (side): void => {
        side.ended = true
      })
    this.lookup = new Lookup({
      org: 'org.test',
      cache: this.settings.cache,
      timeoutMs,
      clock,
      random,
      limiter: this.limiter,
      log: this.log,
      fetchSession,
      shared,
    })
    this.signOut = new SignOut({
      limiter: this.limiter,
      lookup: this.lookup,
      log: this.log,
      fetchSession,
      closeSession,
      timeoutMs,
      logger: undefined,
    })
  }

  /** A session at Okta under this cookie value. */
  begin(value: string, fields: Partial<Session> = {}): OktaSide {
    const side = { session: sessionFor(value, this.clock.wall + 7_200_000, fields), ended: false }
    this.okta.set(value, side)
    return side
  }

  /** The context of a request with this cookie. */
  lookUp(value: string, request: LookupRequest = {}): SessionContext | Promise<SessionContext> {
    const key = credentialKey('sid', value)
    const hit =
      request.maxStalenessMs === undefined && this.lookup.hitAndPrefetch(key, 'sid', `sid=${value}`)
    return hit || this.lookup.lookUp(key, { as: 'sid', value }, request)
  }

  leave(value: string): Promise<boolean> {
    const credential = { as: 'sid', value } as const
    return this.signOut.signOut({ key: credentialKey('sid', value), credential })
  }

  #decide<T>({ value }: Credential, answer: (side: OktaSide) => T): OktaAnswer<T> {
    if (!this.up) return { kind: 'unavailable', code: 'timeout' }
    const code = this.ill.get(value)
    if (code !== undefined) return { kind: 'unavailable', code }
    const head = { status: 200, setCookies: [], oktaTime: this.clock.wall + this.oktaAheadMs }
    const side = this.okta.get(value)
    const alive = side !== undefined && !side.ended
    return alive ? { kind: 'yes', value: answer(side), head } : { kind: 'no', head }
  }
}

export function sessionFor(value: string, endsAt: number, fields: Partial<Session> = {}): Session {
  return Object.freeze({
    id: `ext-${value}`,
    login: `${value}@example.com`,
    userId: `user-${value}`,
    status: 'ACTIVE',
    expiresAt: new Date(endsAt).toISOString(),
    amr: Object.freeze(['pwd']),
    ...fields,
  })
}
