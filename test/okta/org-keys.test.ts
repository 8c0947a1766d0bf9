/** The cache of the org's keys while a fetch is under way. */
import { exportJWK, generateKeyPair, type JSONWebKeySet, type JWK } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import type { OktaAnswer } from '../../src/contracts.js'
import { OrgKeys } from '../../src/okta/org-keys.js'
import { deferred } from '../front-door/deferred.js'
import { TestClock } from '../session/lookup-world.js'

let before: JWK
let after: JWK

beforeAll(async () => {
  const make = async (kid: string) => {
    const { publicKey } = await generateKeyPair('ES256')
    return { ...(await exportJWK(publicKey)), kid, alg: 'ES256' }
  }
  before = await make('before')
  after = await make('after')
})

const answerOf = (...keys: JWK[]): OktaAnswer<JSONWebKeySet> => ({
  kind: 'yes',
  value: { keys },
  head: { status: 200, setCookies: [] },
})
const headerOf = (kid: string) => ({ alg: 'ES256', kid })

describe('the keys of the org', () => {
  it('are fetched again for a token that came during a fetch which lacks its key', async () => {
    const first = deferred<OktaAnswer<JSONWebKeySet>>()
    let fetches = 0
    const keys = new OrgKeys(() => {
      fetches += 1
      return fetches === 1 ? first.promise : Promise.resolve(answerOf(before, after))
    }, new TestClock())
    const old = keys.find(headerOf('before'))
    // The org has rotated its key after it began to answer.
    const rotated = [keys.find(headerOf('after')), keys.find(headerOf('after'))]
    first.resolve(answerOf(before))
    expect(await old).toMatchObject({ kind: 'key' })
    for (const found of await Promise.all(rotated)) expect(found).toMatchObject({ kind: 'key' })
    expect(fetches).toBe(2)
  })

  it('are fetched once by all that wait for the first fetch', async () => {
    let fetches = 0
    const keys = new OrgKeys(async () => {
      fetches += 1
      return answerOf(before)
    }, new TestClock())
    const found = await Promise.all([1, 2, 3].map(() => keys.find(headerOf('before'))))
    expect(found.map(({ kind }) => kind)).toEqual(['key', 'key', 'key'])
    expect(fetches).toBe(1)
  })

  it('say that a key is unknown only after a fetch that began later than the token came', async () => {
    let fetches = 0
    const keys = new OrgKeys(async () => {
      fetches += 1
      return answerOf(before)
    }, new TestClock())
    expect(await keys.find(headerOf('before'))).toMatchObject({ kind: 'key' })
    expect(await keys.find(headerOf('never'))).toEqual({ kind: 'unknown' })
    expect(fetches).toBe(2)
  })
})
