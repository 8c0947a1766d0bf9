/** The calls to Okta that 10,000 concurrent requests with one unseen cookie cause. */
import { composeOktaSession, createLocalOrg, parseOptions, systemClock } from './parts/package.js'
import { browserHeaders, headerless, stubRequest } from './parts/stubs.js'

/** @param {{ tiny: boolean }} options */
export async function run({ tiny }) {
  const requests = tiny ? 1_000 : 10_000
  const rows = []
  for (const engine of /** @type {const} */ (['identity', 'classic'])) {
    const org = await createLocalOrg({ engine })
    const [user] = org.users
    if (user === undefined) throw new Error('the local org has no users')
    const settings = parseOptions({ orgUrl: org.url, logger: false }, {})
    const okta = composeOktaSession(settings, { clock: systemClock, random: Math.random })
    const headers = browserHeaders(org.signIn(user.login))
    const before = org.calls.getCurrentSession
    const began = process.cpuUsage()
    const passed = await countPassed(okta.requireSession(), headers, requests)
    const { user: userTime, system } = process.cpuUsage(began)
    rows.push({
      name: `${requests} requests, cookie of ${headers.cookie?.length} characters`,
      passed,
      calls: org.calls.getCurrentSession - before,
      micros: (userTime + system) / requests,
    })
    await okta.close()
    await org.close()
  }
  return {
    title:
      'stampede: concurrent requests with one unseen cookie, through requireSession() to a local org',
    columns: [
      { key: 'name', title: 'variant' },
      { key: 'passed', title: 'passed' },
      { key: 'calls', title: 'calls to Okta' },
      { key: 'micros', title: 'CPU µs a request', digits: 2 },
    ],
    rows,
    notes: ['One process: the CPU time includes the org.'],
  }
}

/**
 * @param {import('./parts/stubs.js').Handler} guard
 * @param {import('./parts/stubs.js').Headers} headers
 * @param {number} requests
 * @returns {Promise<number>}
 */
async function countPassed(guard, headers, requests) {
  const pending = Array.from(
    { length: requests },
    () =>
      /** @type {Promise<void>} */ (
        new Promise((resolve) => guard(stubRequest(headers), headerless, () => resolve()))
      ),
  )
  await Promise.all(pending)
  return pending.length
}
