/** Every answer of the local org, to every operation and with every status it can give, by the OpenAPI document. */
import { afterEach, describe, expect, it } from 'vitest'
import type { LocalOrgOptions } from '../../src/local-org/index.js'
import { judgeResponse } from './judge-response.js'
import { checkDocument, operationsOf, readDocument } from './openapi-document.js'
import { type RecordedOrg, recordedOrg } from './recorded-org.js'
import { troubles, type Way, waysOf, worldOf } from './ways.js'

const operations = operationsOf(checkDocument(readDocument()))

const open: RecordedOrg[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

async function start(options: LocalOrgOptions): Promise<RecordedOrg> {
  const recorded = await recordedOrg({ serviceApp: { alg: 'ES256' }, ...options })
  open.push(recorded)
  return recorded
}

function operationCalled(operationId: string) {
  const operation = operations.find((each) => each.operationId === operationId)
  if (operation === undefined) throw new Error(`the document has no ${operationId}`)
  return operation
}

describe.each(['identity', 'classic'] as const)('the %s engine', (engine) => {
  const ways = waysOf(engine)

  /** Its own kind of 400 the token endpoint gives without help. */
  function troublesOf({ operationId, responses }: (typeof operations)[number]) {
    return troubles.filter(
      ([status]) =>
        responses[status] !== undefined && !(operationId === 'requestToken' && status === 400),
    )
  }

  async function answerTo(way: Way, recorded: RecordedOrg) {
    const kind = engine === 'classic' || way.what.includes('the sid') ? 'sid' : 'idx'
    const world = worldOf(recorded.org, kind)
    const request = await way.request(world)
    if (way.fault !== undefined) recorded.org.failNext(way.fault)
    return (await recorded.send(request)).response
  }

  it.each(ways.map((way) => [way.operationId, way.status, way.what, way] as const))(
    '%s answers %i as the OpenAPI document says to %s',
    async (operationId, status, _what, way) => {
      const answer = await answerTo(way, await start({ engine, ...way.org }))
      expect(answer.status).toBe(status)
      expect(judgeResponse(operationCalled(operationId), answer)).toEqual([])
    },
  )

  /** The first healthy way to each operation, and what the document says of it. */
  const healthy = operations.flatMap((operation) =>
    ways
      .filter(({ operationId, status }) => operationId === operation.operationId && status < 300)
      .slice(0, 1)
      .map((way) => ({ ...operation, way })),
  )

  it('a local org with faults answers every operation as the OpenAPI document says', async () => {
    const recorded = await start({ engine })
    for (const operation of healthy)
      for (const [status, fault] of troublesOf(operation)) {
        const answer = await answerTo({ ...operation.way, fault }, recorded)
        expect([operation.operationId, answer.status]).toEqual([operation.operationId, status])
        expect(judgeResponse(operation, answer)).toEqual([])
      }
  })

  it('a local org whose rate-limit window is used up answers as the OpenAPI document says', async () => {
    const recorded = await start({ engine, rateLimitPerMinute: 1 })
    await recorded.send({ target: '/api/v1/sessions/me' })
    for (const operation of healthy.filter(({ template }) => template.includes('sessions'))) {
      const answer = await answerTo(operation.way, recorded)
      expect([operation.operationId, answer.status]).toEqual([operation.operationId, 429])
      expect(judgeResponse(operation, answer)).toEqual([])
    }
  })

  it('the local org gives every answer that the OpenAPI document describes', () => {
    const reached = [
      ...ways.map(({ operationId, status }) => `${operationId} ${status}`),
      ...healthy.flatMap((operation) =>
        troublesOf(operation).map(([status]) => `${operation.operationId} ${status}`),
      ),
    ]
    const described = operations.flatMap(({ operationId, responses }) =>
      Object.keys(responses).map((status) => `${operationId} ${status}`),
    )
    expect(described.filter((answer) => !reached.includes(answer))).toEqual([])
    expect(described.length).toBeGreaterThan(50)
  })
})
