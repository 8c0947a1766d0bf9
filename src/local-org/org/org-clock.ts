/** The org's one clock: the machine's or yours, and what tests have moved it by. */

/** Where the time comes from; `Date` is one. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number
}

export interface OrgClock extends Clock {
  /** Moves the org's time forward by `ms` milliseconds, at once; sessions and tokens end accordingly. */
  advance(ms: number): void
}

export function createOrgClock(source: Clock): OrgClock {
  let movedMs = 0
  return {
    now: () => source.now() + movedMs,
    advance(ms) {
      if (!Number.isFinite(ms) || ms < 0) {
        throw new TypeError(`clock.advance(ms): ms must be a number from 0 up, not ${String(ms)}`)
      }
      movedMs += ms
    },
  }
}

/** Okta keeps its times in whole seconds and writes them with `.000Z`. */
export function wholeSeconds(epochMs: number): number {
  return Math.floor(epochMs / 1_000) * 1_000
}

export function toDateTime(epochMs: number): string {
  return new Date(wholeSeconds(epochMs)).toISOString()
}
