/** The cost of a request that needs a lookup, against a bare call of the same HTTP client with the same safety settings. */
import { fork } from 'node:child_process'
import { Agent } from 'node:http'
import { fileURLToPath } from 'node:url'
import { got } from 'got'
import { measure } from './harness/measure.js'
import { composeOktaSession, parseOptions, systemClock } from './parts/package.js'
import { cookieValue, headerless, stubRequest } from './parts/stubs.js'

const CONCURRENCY = 20
const MAX_BODY_BYTES = 64 * 1024

/** @param {{ tiny: boolean }} options */
export async function run({ tiny }) {
  const rounds = tiny ? 2 : 40
  const calls = tiny ? 60 : 400
  const org = await startOrgProcess()
  const settings = parseOptions(
    {
      orgUrl: org.url,
      logger: false,
      upstream: { maxConcurrent: CONCURRENCY },
    },
    {},
  )
  const okta = composeOktaSession(settings, { clock: systemClock, random: Math.random })
  const bare = bareClient(org.url)
  const guard = okta.requireSession()
  const values = newValues()
  const measured = await measure(
    [
      { name: 'bare got call', calls, run: concurrently((cookie) => bare.get(cookie), values) },
      { name: '  the same again', calls, run: concurrently((cookie) => bare.get(cookie), values) },
      {
        name: 'api.getCurrentSession()',
        calls,
        run: concurrently((cookie) => okta.api.getCurrentSession(cookie), values),
      },
      {
        name: 'requireSession, an unseen cookie',
        calls,
        run: concurrently(
          (cookie) =>
            new Promise((passed) =>
              guard(stubRequest({ cookie }), headerless, () => passed(undefined)),
            ),
          values,
        ),
      },
    ],
    { rounds },
  )
  await okta.close()
  bare.close()
  org.stop()
  const bareMin = measured[0]?.cpuMicros.min ?? 1
  const bareMedian = measured[0]?.cpuMicros.median ?? 1
  return {
    title: `miss: a request that calls Okta, ${CONCURRENCY} concurrently, the org in a process of its own`,
    columns: [
      { key: 'name', title: 'variant' },
      { key: 'min', title: 'CPU µs', digits: 1 },
      { key: 'median', title: 'median', digits: 1 },
      { key: 'spread', title: '±', percent: true },
      { key: 'ratio', title: 'x bare', digits: 2 },
      { key: 'medianRatio', title: 'of medians', digits: 2 },
    ],
    rows: measured.map(({ name, cpuMicros: { min, median, spread } }) => ({
      name,
      min,
      median,
      spread,
      ratio: min / bareMin,
      medianRatio: median / bareMedian,
    })),
    notes: [
      'The bare call has the same deadline, body limit, rejection of redirects and compressed bodies, raw headers and keep-alive agent, and parses the JSON.',
    ],
  }
}

/** @returns {Promise<{ url: string, stop: () => void }>} */
function startOrgProcess() {
  const child = fork(fileURLToPath(new URL('parts/org-process.js', import.meta.url)), {
    execArgv: [],
  })
  return new Promise((resolve, reject) => {
    child.once('message', (url) => resolve({ url: String(url), stop: () => child.kill() }))
    child.once('error', reject)
  })
}

/** @param {string} orgUrl */
function bareClient(orgUrl) {
  const agent = new Agent({ keepAlive: true, timeout: 15_000 })
  const client = got.extend({
    retry: { limit: 0 },
    followRedirect: false,
    throwHttpErrors: false,
    decompress: false,
    https: { rejectUnauthorized: true },
    agent: { http: agent },
    headers: {
      accept: 'application/json',
      'accept-encoding': 'identity',
      'user-agent': 'benchmark',
    },
  })
  return {
    /** @param {string} cookie */
    async get(cookie) {
      const controller = new AbortController()
      const timer = setTimeout(() => controller.abort(), 3_000)
      try {
        const pending = client(`${orgUrl}/api/v1/sessions/me`, {
          method: 'GET',
          responseType: 'buffer',
          resolveBodyOnly: false,
          headers: { cookie },
          signal: controller.signal,
        })
        pending.on('downloadProgress', ({ transferred }) => {
          if (transferred > MAX_BODY_BYTES) controller.abort()
        })
        const { statusCode, body } = await pending
        if (statusCode !== 200) throw new Error(`the org answered ${statusCode}`)
        return JSON.parse(body.toString())
      } finally {
        clearTimeout(timer)
      }
    },
    close: () => agent.destroy(),
  }
}

/** An endless supply of unseen cookies. */
function newValues() {
  let count = 0
  return () => {
    count += 1
    return `sid=${cookieValue(25 - 8)}${String(count).padStart(8, '0')}`
  }
}

/**
 * @param {(cookie: string) => Promise<unknown>} call
 * @param {() => string} newValue
 * @returns {(calls: number) => Promise<void>}
 */
function concurrently(call, newValue) {
  return async function run(calls) {
    let left = calls
    const worker = async () => {
      while (left > 0) {
        left -= 1
        await call(newValue())
      }
    }
    await Promise.all(Array.from({ length: CONCURRENCY }, worker))
  }
}
