/** The check at start, and whenever the app asks for it: one call at most every ten seconds, and a log line for each change of its result. */
import type { Clock, Log } from '../contracts.js'
import type { Finding, Readiness } from '../public-types.js'

/** A result serves for so long: an app may ask in each of its health checks. */
const KEPT_MS = 10_000

export interface ReadinessParts {
  /** Never rejects. */
  readonly check: () => Promise<readonly Finding[]>
  readonly clock: Clock
  readonly logger: Log | undefined
}

export interface ReadinessCheck {
  /** Never rejects. */
  ready(): Promise<Readiness>
  /** Resolves when no check is under way. */
  settled(): Promise<void>
  /** A check that ends afterwards is not logged. */
  close(): void
}

export function createReadinessCheck({ check, clock, logger }: ReadinessParts): ReadinessCheck {
  let last: { readonly result: Promise<Readiness>; readonly until: number } | undefined
  let pending: Promise<Readiness> | undefined
  let logged: string | undefined
  let closed = false

  async function run(): Promise<Readiness> {
    const findings = Object.freeze(await check())
    const readiness = Object.freeze({ ok: findings.every(isNoFault), findings })
    if (!closed) log(findings)
    return readiness
  }

  function log(findings: readonly Finding[]): void {
    const state = findings.map(({ check, level }) => `${check} ${level}`).join()
    if (state === logged) return
    logged = state
    const found = findings.filter(({ level }) => level !== 'ok').map(lineOf)
    if (found.length === 0)
      logger?.info('EOS152', 'The check of the org found no fault', {
        findings: findings.map(lineOf),
      })
    else
      logger?.warn(
        'EOS151',
        'The check of the org found what needs attention. `npx express-okta-session doctor` checks more',
        { findings: found },
      )
  }

  return {
    ready() {
      const now = clock.monotonic()
      if (pending !== undefined) return pending
      if (last !== undefined && now < last.until) return last.result
      const result = run().finally(() => {
        pending = undefined
      })
      pending = result
      last = { result, until: now + KEPT_MS }
      return result
    },
    async settled() {
      await pending
    },
    close() {
      closed = true
    },
  }
}

function isNoFault({ level }: Finding): boolean {
  return level !== 'fault'
}

function lineOf({ check, level, message, advice }: Finding): string {
  return `${check} ${level}: ${message}${advice === undefined ? '' : `. ${advice}`}`
}
