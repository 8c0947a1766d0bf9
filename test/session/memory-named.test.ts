/** What revocations leave in memory: no cookie value, no session id and no user id in clear. */

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getHeapSnapshot, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { composeOktaSession } from '../../src/okta-session.js'
import type { OktaSession } from '../../src/okta-session-types.js'
import { parseOptions } from '../../src/options/parse-options.js'
import { runs } from '../deep.js'
import { sessionFor, TestClock } from './lookup-world.js'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

let server: Server
let okta: OktaSession

/** An org that accepts every call and keeps no state. */
beforeEach(async () => {
  const clock = new TestClock()
  server = createServer((req, res) => {
    res.setHeader('Content-Type', 'application/json')
    if (req.method === 'DELETE') res.writeHead(204).end()
    else res.end(JSON.stringify(sessionFor('somebody', clock.now() + 7_200_000)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const orgUrl = `http://127.0.0.1:${port}`
  const settings = parseOptions({ orgUrl, logger: false, credentials: { apiToken: 'a-token' } }, {})
  okta = composeOktaSession(settings, { clock, random: () => 0 })
})
afterEach(async () => {
  await okta.close()
  server.closeAllConnections()
  server.close()
})

/** A value of its own for each, kept outside the heap: as a text it lives for one call. */
const newValue = () => randomBytes(16)
const textOf = (value: Buffer) => value.toString('hex')

const operations: Readonly<Record<string, (value: string) => Promise<unknown>>> = {
  'forget({ sessionId })': (sessionId) => okta.forget({ sessionId }),
  'forget({ userId })': (userId) => okta.forget({ userId }),
  'api.revokeSession()': (sid) => okta.api.revokeSession(sid),
  'api.refreshSession()': (sid) => okta.api.refreshSession(sid),
  'api.closeCurrentSession() of a sid': (sid) => okta.api.closeCurrentSession(`sid=${sid}`),
  'api.closeCurrentSession() of an idx': (idx) => okta.api.closeCurrentSession(`idx=${idx}`),
  'api.refreshCurrentSession()': (idx) => okta.api.refreshCurrentSession(`idx=${idx}`),
}

it('the search of the heap finds a text that is kept', async () => {
  const value = newValue()
  const kept = { text: textOf(value) }
  expect(await inHeap({ kept: value })).toEqual(['kept'])
  expect(kept.text).toHaveLength(32)
})

// A connection keeps more of the request that opened it than of later ones: each may be the first.
const sample = ['forget({ sessionId })', 'api.closeCurrentSession() of an idx']
it.each(runs(sample, Object.keys(operations)))(
  'the heap holds no value that was revoked, with %s first',
  async (first) => {
    const names = [first, ...Object.keys(operations).filter((name) => name !== first)]
    const values = Object.fromEntries(names.map((name) => [name, newValue()]))
    for (const [name, value] of Object.entries(values)) await operations[name]?.(textOf(value))
    // What a connection keeps of its last exchange is replaced by another one.
    for (let round = 0; round < 3; round += 1) await okta.api.getSession('another')
    expect(okta.stats().revocations).toBeGreaterThan(Object.keys(operations).length)
    expect(await inHeap(values)).toEqual([])
  },
  60_000,
)

/** The names of the values found as a text anywhere in this process's heap. */
async function inHeap(values: Readonly<Record<string, Buffer>>): Promise<string[]> {
  await new Promise(setImmediate)
  collectGarbage()
  const wanted = Object.entries(values).map(([name, value]) => ({ name, text: hexBytes(value) }))
  const found = new Set<string>()
  let before = Buffer.alloc(0)
  for await (const chunk of getHeapSnapshot()) {
    const text = Buffer.concat([before, Buffer.from(chunk)])
    for (const { name, text: bytes } of wanted) if (text.includes(bytes)) found.add(name)
    before = text.subarray(-64)
  }
  return [...found]
}

/** The bytes of {@link textOf}, which never becomes a text here. */
function hexBytes(value: Buffer): Buffer {
  const digits = Buffer.from('0123456789abcdef')
  return Buffer.from([...value].flatMap((byte) => [digits[byte >> 4] ?? 0, digits[byte & 15] ?? 0]))
}
