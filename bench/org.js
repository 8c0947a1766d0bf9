/** The throughput of the local org with 100,000 live sessions. */
import { Agent, createServer, request } from 'node:http'
import { createLocalOrg } from './parts/package.js'

const CONCURRENCY = 16

/** @param {{ tiny: boolean }} options */
export async function run({ tiny }) {
  const sessions = tiny ? 2_000 : 100_000
  const requests = tiny ? 500 : 20_000
  const org = await createLocalOrg()
  const logins = org.users.map(({ login }) => login)
  const cookies = Array.from({ length: sessions }, (_, index) =>
    org.signIn(logins[index % logins.length] ?? ''),
  )
  const bare = createServer((_req, res) => res.end('{}'))
  await new Promise((listening) => bare.listen(0, 'localhost', () => listening(undefined)))
  const address = bare.address()
  const bareUrl = `http://localhost:${typeof address === 'object' ? address?.port : ''}`
  const rows = []
  for (const [name, url] of [
    ['a bare node:http server', bareUrl],
    [`the local org, ${sessions} sessions`, `${org.url}/api/v1/sessions/me`],
    ['a bare node:http server, again', bareUrl],
    ['the local org, again', `${org.url}/api/v1/sessions/me`],
  ])
    rows.push({ name, ...(await load(url ?? '', cookies, requests)) })
  await org.close()
  await new Promise((closed) => bare.close(closed))
  return {
    title: `org: GET /api/v1/sessions/me at the local org, ${CONCURRENCY} concurrently`,
    columns: [
      { key: 'name', title: 'variant' },
      { key: 'ok', title: 'answered 200' },
      { key: 'perSecond', title: 'requests a second' },
      { key: 'micros', title: 'CPU µs a request', digits: 2 },
    ],
    rows,
    notes: ['One process: the CPU time of every row includes the client.'],
  }
}

/**
 * Requests one session after another, {@link CONCURRENCY} at once over keep-alive connections.
 * @param {string} url
 * @param {readonly string[]} cookies
 * @param {number} requests
 */
async function load(url, cookies, requests) {
  const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY })
  const cpu = process.cpuUsage()
  const began = performance.now()
  let next = 0
  let ok = 0
  const worker = async () => {
    while (next < requests) {
      next += 1
      // The stride is coprime to the number of sessions, so that consecutive requests are for distant sessions.
      const cookie = cookies[(next * 7_919) % cookies.length] ?? ''
      if ((await statusOf(url, cookie, agent)) === 200) ok += 1
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, worker))
  const seconds = (performance.now() - began) / 1_000
  const { user, system } = process.cpuUsage(cpu)
  agent.destroy()
  return { ok, perSecond: Math.round(requests / seconds), micros: (user + system) / requests }
}

/**
 * @param {string} url
 * @param {string} cookie
 * @param {Agent} agent
 * @returns {Promise<number | undefined>}
 */
function statusOf(url, cookie, agent) {
  return new Promise((resolve, reject) => {
    const req = request(url, { agent, headers: { cookie } }, (res) => {
      res.resume().once('end', () => resolve(res.statusCode))
    })
    req.once('error', reject)
    req.end()
  })
}
