/** Okta's time, kept on the monotonic clock, and the detection of a suspended machine. */
import type { Clock, Log } from '../contracts.js'
import type { LookupStart } from './contexts.js'
import type { RevocationLog } from './revocations.js'

const SUSPEND_MS = 5_000
/** A `Date` further from the wall clock is ignored: it is probably a broken proxy's. */
export const MAX_SKEW_MS = 10 * 60_000
/** Answers without a `Date` are dated by the last `Date` for this long, then by the wall clock. */
const DATE_VALID_MS = 60_000
/** A correction by less than this does not make cached sessions be checked: a `Date` is in whole seconds. */
const MIN_CORRECTION_MS = 2_000

export interface OktaClockOptions {
  readonly logger?: Log | undefined
  /** Default: ten minutes. */
  readonly maxSkewMs?: number | undefined
}

export class OktaClock {
  readonly #clock: Clock
  readonly #log: RevocationLog
  readonly #onSuspend: () => void
  readonly #logger: Log | undefined
  readonly #maxSkewMs: number
  #hasWarned = false
  /** Wall time at the monotonic clock's zero, as it was at the start or after the last suspend. */
  #wallAtZero: number
  /**
   * Okta's time at the monotonic clock's zero. The wall clock may step back, often and by little; ages
   * and ends measured by it would grow by as much.
   */
  #oktaAtZero: number
  /** The lowest that {@link #oktaAtZero} was since cached sessions were last checked against it. */
  #lowest: number
  /** Monotonic milliseconds of the last trusted `Date`. */
  #datedAt = Number.NEGATIVE_INFINITY

  /** Calls `onSuspend` after a suspend: no time measured before it can be trusted. */
  constructor(
    clock: Clock,
    log: RevocationLog,
    onSuspend: () => void,
    { logger, maxSkewMs = MAX_SKEW_MS }: OktaClockOptions = {},
  ) {
    this.#clock = clock
    this.#log = log
    this.#onSuspend = onSuspend
    this.#logger = logger
    this.#maxSkewMs = maxSkewMs
    this.#wallAtZero = clock.now() - clock.monotonic()
    this.#oktaAtZero = this.#wallAtZero
    this.#lowest = this.#oktaAtZero
  }

  /** Okta's time, epoch milliseconds, as its last answer set it. */
  now(): number {
    return this.#oktaAtZero + this.#clock.monotonic()
  }

  /** Okta's clock minus this process's wall clock, in milliseconds. */
  get aheadMs(): number {
    return this.now() - this.#clock.now()
  }

  /** Monotonic milliseconds at which Okta's clock shows `oktaTime`. */
  toMonotonic(oktaTime: number): number {
    return oktaTime - this.#oktaAtZero
  }

  /**
   * Sets Okta's time by the `Date` of an answer. Okta reads its clock after the lookup began: counted from the
   * start, the error makes sessions shorter only. Without a `Date`, or with one in doubt, the wall clock
   * decides, once the last trusted `Date` is old.
   */
  adjust(oktaTime: number | undefined, start: LookupStart): void {
    // An answer to a lookup from before a suspend may be from before it as well.
    if (start.position < this.#log.oldestValid) return
    const now = this.#clock.monotonic()
    if (oktaTime !== undefined && this.#isTrusted(oktaTime)) {
      this.#datedAt = now
      this.#set(oktaTime - start.mono, oktaTime - now)
    } else if (oktaTime !== undefined || now - this.#datedAt > DATE_VALID_MS)
      this.#set(this.#wallAtZero, this.#wallAtZero)
  }

  /**
   * `atLeast`: the same without what the answer took on its way. When Okta's clock turns out to be ahead of what
   * it was thought to be, cached sessions end earlier than they were stored with.
   */
  #set(oktaAtZero: number, atLeast: number): void {
    this.#oktaAtZero = oktaAtZero
    if (atLeast - this.#lowest < MIN_CORRECTION_MS)
      this.#lowest = Math.min(this.#lowest, oktaAtZero)
    else {
      this.#lowest = oktaAtZero
      this.#log.checkAgain()
    }
  }

  /** Okta's time when it sent an answer with this `Date`; the time of {@link now} without one, or with one in doubt. */
  atAnswer(oktaTime: number | undefined): number {
    return oktaTime !== undefined && this.#isTrusted(oktaTime) ? oktaTime : this.now()
  }

  /** Warns of the first `Date` in doubt. */
  #isTrusted(oktaTime: number): boolean {
    const aheadMs = oktaTime - this.#clock.now()
    if (Math.abs(aheadMs) <= this.#maxSkewMs) return true
    if (!this.#hasWarned)
      this.#logger?.warn(
        'EOS108',
        "The Date of Okta's answers is more than ten minutes from this machine's clock, by which sessions end meanwhile. Check that clock, and the proxies in front of Okta",
        { aheadMs },
      )
    this.#hasWarned = true
    return false
  }

  /**
   * Whether there was a suspend that {@link noticeSuspend} has not noticed yet: it stops the monotonic
   * clock and not the wall clock. The difference is taken since the last suspend, so that many small steps
   * add up. `now` is monotonic milliseconds.
   */
  wasSuspended(now: number): boolean {
    return Math.abs(this.#movedMs(now)) > SUSPEND_MS
  }

  /** After a suspend, voids everything learned before it. Every lookup begins with this. */
  noticeSuspend(now: number): void {
    if (!this.wasSuspended(now)) return
    const movedMs = this.#movedMs(now)
    this.#wallAtZero += movedMs
    this.#oktaAtZero += movedMs
    this.#lowest = this.#oktaAtZero
    this.#log.forgetAll()
    this.#onSuspend()
  }

  #movedMs(now: number): number {
    return this.#clock.now() - now - this.#wallAtZero
  }
}
