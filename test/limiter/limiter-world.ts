/** A limiter with a clock and an Okta of the test's own: every call stays out until the test says how it ends. */

import type { AnswerHead, Logger, OktaAnswer } from '../../src/contracts.js'
import type { UnavailableCode } from '../../src/errors.js'
import { type CallRequest, type LimitedAnswer, Limiter } from '../../src/limiter/limiter.js'
import type { Settings } from '../../src/options/options.js'
import { parseOptions } from '../../src/options/parse-options.js'
import { createLog } from '../../src/telemetry/log-lines.js'
import { TestClock } from '../session/lookup-world.js'

export interface GateWorldOptions {
  readonly upstream?: Partial<Settings['upstream']>
  readonly random?: () => number
  readonly logger?: Logger
}

/** One call request to the limiter. */
export interface Attempt {
  /** Whether the call was made. */
  readonly isOut: () => boolean
  /** How the limiter ended it; the promise stays open while the call is out or waits. */
  readonly ended: Promise<LimitedAnswer<string>>
  /** Ends the call with this answer, and waits until the limiter has heard. */
  end(answer: OktaAnswer<string>): Promise<LimitedAnswer<string>>
  /** The call breaks, as no call should. */
  break(): Promise<void>
}

export class GateWorld {
  readonly clock = new TestClock()
  readonly limiter: Limiter

  constructor({ upstream, random = () => 0.5, logger }: GateWorldOptions = {}) {
    const { upstream: defaults } = parseOptions({ orgUrl: 'https://id.example.com' }, {})
    this.limiter = new Limiter({
      org: 'org.test',
      upstream: { ...defaults, maxQueueMs: 10_000, ...upstream },
      clock: this.clock,
      random,
      logger: createLog(logger, 'id.example.com'),
    })
  }

  /** Requests a call from the limiter. */
  try(request: CallRequest): Attempt {
    let finish: ((answer: OktaAnswer<string>) => void) | undefined
    let fail: ((error: unknown) => void) | undefined
    const ended = this.limiter.call(
      request,
      () =>
        new Promise<OktaAnswer<string>>((resolve, reject) => {
          finish = resolve
          fail = reject
        }),
    )
    return {
      isOut: () => finish !== undefined,
      ended,
      async end(answer) {
        if (finish === undefined) throw new Error('the limiter did not let this call through')
        finish(answer)
        return ended
      },
      async break() {
        fail?.(new TypeError('broken'))
        await ended.catch(() => {})
      },
    }
  }

  /** Requests a call and, if it is admitted, ends it with this answer; returns the outcome. */
  async run(request: CallRequest, answer: OktaAnswer<string>): Promise<string> {
    const attempt = this.try(request)
    // A call that is let through is made before the limiter returns.
    if (attempt.isOut()) await attempt.end(answer)
    return saying(await attempt.ended)
  }

  /** The same so many times over; says how often each ending came. */
  async runMany(
    times: number,
    request: CallRequest,
    answer: OktaAnswer<string>,
  ): Promise<Record<string, number>> {
    const endings: Record<string, number> = {}
    for (let i = 0; i < times; i += 1) {
      const ending = await this.run(request, answer)
      endings[ending] = (endings[ending] ?? 0) + 1
    }
    return endings
  }

  /** What Okta says of its minute. */
  minute(limit: number, remaining: number, endsInMs: number, ageMs = 0): AnswerHead {
    const oktaTime = this.clock.wall - ageMs
    return {
      status: 200,
      setCookies: [],
      oktaTime,
      rateLimit: { limit, remaining, resetAt: this.clock.wall + endsInMs },
    }
  }
}

const quiet: AnswerHead = { status: 200, setCookies: [] }

export const yes = (head: AnswerHead = quiet): OktaAnswer<string> => ({
  kind: 'yes',
  value: 'it',
  head,
})
export const no = (head: AnswerHead = quiet): OktaAnswer<string> => ({ kind: 'no', head })
export const silence = (
  code: UnavailableCode = 'timeout',
  retryAfterMs?: number,
): OktaAnswer<string> => ({
  kind: 'unavailable',
  code,
  retryAfterMs,
})

/** `yes`, `no`, the failure of a call made, or `refused` with the reason. */
export function saying(called: LimitedAnswer<string>): string {
  if (called.kind !== 'unavailable') return called.kind
  return called.called ? called.code : `refused: ${called.code}`
}
