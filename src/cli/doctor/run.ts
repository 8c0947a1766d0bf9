/** Runs the checks: those of the org in order, beside those of the app, of Redis and of the hook. */
import { systemClock } from '../../okta/call.js'
import { createOperations } from '../../okta/operations.js'
import type { Finding } from '../../public-types.js'
import { checkApp, judgeCookie } from './app.js'
import type { DoctorCommand, Environment } from './command.js'
import { checkCredentials } from './credentials.js'
import { type Headroom, headroom } from './headroom.js'
import { checkHook } from './hook.js'
import { checkCertificate, checkOrg, checkSession } from './org.js'
import { checkRedis } from './redis.js'

export interface Surroundings {
  readonly env: Environment
  /** The directory of the app, whose Redis client is used. */
  readonly cwd: string
  /** The time that one request may take. */
  readonly timeoutMs: number
}

export interface Report {
  readonly findings: readonly Finding[]
  /** Absent where the rate limit is not known. */
  readonly headroom?: Headroom
}

export async function runChecks(
  command: DoctorCommand,
  surroundings: Surroundings,
): Promise<Report> {
  const { orgUrl, app, redis, hook, cookieNames } = command
  const { cwd, timeoutMs } = surroundings
  const [org, ofApp, ofRedis, ofHook] = await Promise.all([
    checkAllOfOrg(command, surroundings),
    app === undefined ? [] : checkApp(orgUrl, app, timeoutMs),
    redis === undefined ? [] : checkRedis(redis, cwd, timeoutMs),
    hook === undefined ? [] : checkHook(hook, timeoutMs),
  ])
  const cookie = app === undefined ? [] : [judgeCookie(orgUrl, app, cookieNames)]
  return { ...org, findings: [...org.findings, ...cookie, ...ofApp, ...ofRedis, ...ofHook] }
}

async function checkAllOfOrg(
  { orgUrl, cookie, cookieNames, activeUsers, instances, redis }: DoctorCommand,
  { env, timeoutMs }: Surroundings,
): Promise<Report> {
  const settings = { orgUrl, credentials: undefined, timeoutMs, agent: undefined }
  const operations = createOperations(settings, systemClock)
  try {
    const { findings, isUsable, rateLimit } = await checkOrg(operations)
    const fits =
      rateLimit === undefined
        ? undefined
        : headroom({
            limit: rateLimit.limit,
            activeUsers,
            instances,
            isShared: redis !== undefined,
          })
    const rates = fits === undefined ? [] : [fits.finding]
    const shown = fits === undefined ? {} : { headroom: fits }
    if (!isUsable)
      return { findings: [...findings, ...rates, ...skipped(cookie !== undefined)], ...shown }
    const further = [
      await checkCertificate(orgUrl, timeoutMs),
      ...(await checkCredentials(orgUrl, env, timeoutMs)),
      ...(cookie === undefined ? [] : [await checkSession(operations, cookie, cookieNames)]),
    ]
    return { findings: [...findings, ...rates, ...further], ...shown }
  } finally {
    await operations.close()
  }
}

function skipped(hasCookie: boolean): readonly Finding[] {
  return ['credentials', ...(hasCookie ? ['session'] : [])].map((check) => ({
    check,
    level: 'warning',
    message: 'Not checked, because the org gave no usable answer',
  }))
}
