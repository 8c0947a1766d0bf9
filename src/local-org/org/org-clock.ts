/** The org's clock: a source of time, plus the offset that tests advance it by. */

/** A source of time; `Date` is one. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number
}

/**
 * The clock of a local org.
 *
 * @example
 * org.clock.advance(2 * 60 * 60_000)
 */
export interface OrgClock extends Clock {
  /** Advances the org's time by `ms` milliseconds; sessions and tokens expire accordingly. */
  advance(ms: number): void
}

export function createOrgClock(source: Clock): OrgClock {
  let offsetMs = 0
  return {
    now: () => source.now() + offsetMs,
    advance(ms) {
      if (!Number.isFinite(ms) || ms < 0) {
        throw new TypeError(`clock.advance(ms): ms must be a number from 0 up, not ${String(ms)}`)
      }
      offsetMs += ms
    },
  }
}

/** Okta's times are whole seconds, written with `.000Z`. */
export function wholeSeconds(epochMs: number): number {
  return Math.floor(epochMs / 1_000) * 1_000
}

export function toDateTime(epochMs: number): string {
  return new Date(wholeSeconds(epochMs)).toISOString()
}
