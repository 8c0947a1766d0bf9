import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { createVerdicts } from '../../src/http/authenticate.js'
import { type FoundContext, type FoundSession, foundAs } from '../../src/session/contexts.js'
import { sessionFor } from '../session/lookup-world.js'

const alice = sessionFor('alice', Date.now() + 3_600_000)
const mallory = sessionFor('mallory', Date.now() + 3_600_000)
/** Learned at position 7 of the revocation log, good until the monotonic clock shows 5,000. */
const yes = foundAs('memory', {
  session: alice,
  askedAt: 1,
  startedMono: 1,
  position: 7,
  deadAt: 5_000,
} as FoundSession)
const no: FoundContext = Object.freeze({ state: 'anonymous', reason: 'no_cookie' })

type Request = IncomingMessage & { okta?: unknown }

function request(): Request {
  return { headers: {} } as Request
}

describe('the verdict on a request', () => {
  it('the verdict on a request shows the app the fields of its context and nothing else', () => {
    const verdicts = createVerdicts('okta', () => true)
    for (const context of [yes, no]) {
      const req = request()
      verdicts.put(req, context)
      expect(req.okta).toEqual(context)
      expect(Object.keys(req.okta ?? {}).sort()).toEqual(Object.keys(context).sort())
      expect(JSON.parse(JSON.stringify(req.okta))).toEqual(JSON.parse(JSON.stringify(context)))
    }
  })

  it('the verdict on a request stays the context that was set, whatever the app writes to its copy', () => {
    const verdicts = createVerdicts('okta', () => true)
    const req = request()
    verdicts.put(req, no)
    Object.assign(req.okta ?? {}, { state: 'active', session: mallory })
    expect(verdicts.of(req)).toBe(no)
  })

  it('there is no verdict where something else is under the property', () => {
    const verdicts = createVerdicts('okta', () => true)
    for (const forged of [undefined, null, 'active', yes, { ...yes }]) {
      const req = request()
      verdicts.put(req, no)
      verdicts.letThrough(req, alice)
      req.okta = forged
      expect(verdicts.of(req)).toBeUndefined()
      expect(verdicts.guarded(req)).toBeUndefined()
    }
  })

  it('there is no verdict where it belongs to another request', () => {
    const verdicts = createVerdicts('okta', () => true)
    const [hers, his] = [request(), request()]
    verdicts.put(hers, yes)
    verdicts.letThrough(hers, alice)
    his.okta = hers.okta
    expect(verdicts.of(his)).toBeUndefined()
    expect(verdicts.guarded(his)).toBeUndefined()
  })

  it('there is no verdict where another instance made it', () => {
    const req = request()
    createVerdicts('okta', () => true).put(req, yes)
    expect(createVerdicts('okta', () => true).of(req)).toBeUndefined()
  })

  it('a verdict has let no request through before a guard did, nor after another verdict was set', () => {
    const verdicts = createVerdicts('okta', () => true)
    const req = request()
    verdicts.put(req, yes)
    expect(verdicts.guarded(req)).toBeUndefined()
    verdicts.letThrough(req, alice)
    expect(verdicts.guarded(req)).toBe(alice)
    verdicts.put(req, no)
    expect(verdicts.guarded(req)).toBeUndefined()
  })

  it('a verdict holds while its session may serve and nothing has been revoked since its lookup began', () => {
    let position = 7
    let now = 4_999
    const verdicts = createVerdicts(
      'okta',
      (context) => context.position === position && now < context.deadAt,
    )
    const req = request()
    // Put late: the position that counts is the lookup's, not the one of this moment.
    position = 8
    verdicts.put(req, yes)
    expect(verdicts.current(req)).toBeUndefined()
    position = 7
    expect(verdicts.current(req)).toBe(yes)
    now = 5_000
    expect(verdicts.current(req)).toBeUndefined()
    expect(verdicts.of(req)).toBe(yes)
  })
})
