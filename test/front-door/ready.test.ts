/** ready() and checkAtStart: one call, one log line, no request that waits. */
import type { Logger } from 'express-okta-session'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { json, sessionJson } from '../faults/faulty-org.js'
import { serve, startOkta, startOrg, startParts, TestClock } from './door.js'

function collected() {
  const lines: (readonly [level: string, message: string, fields: unknown])[] = []
  const logger: Logger = {
    warn: (message, fields) => void lines.push(['warn', message, fields]),
    info: (message, fields) => void lines.push(['info', message, fields]),
  }
  return { lines, logger }
}

describe('ready()', () => {
  it('resolves with what it found of a healthy org, and logs one info line', async () => {
    const { lines, logger } = collected()
    const { okta, org } = await startParts({ okta: { logger }, org: { rateLimitPerMinute: 600 } })
    const { ok, findings } = await okta.ready()
    expect(ok).toBe(true)
    expect(findings).toEqual([
      { check: 'org', level: 'ok', message: expect.stringMatching(/^Okta answers 404/) },
      { check: 'clock', level: 'ok', message: expect.stringContaining('agrees') },
      { check: 'rate_limit', level: 'ok', message: expect.stringMatching(/^599 of 600/) },
    ])
    expect(org.calls.getCurrentSession).toBe(1)
    expect(lines).toEqual([
      [
        'info',
        expect.stringMatching(/^The check of the org found no fault .*EOS152/),
        expect.objectContaining({ event: 'EOS152', org: expect.any(String) }),
      ],
    ])
  })

  it('resolves with a fault when Okta cannot be used, opens no circuit and charges no user', async () => {
    const { lines, logger } = collected()
    const { okta, org } = await startParts({ okta: { logger } })
    org.failNext({ kind: 'status', status: 500 })
    const { ok, findings } = await okta.ready()
    expect(ok).toBe(false)
    expect(findings[0]).toMatchObject({ check: 'org', level: 'fault', advice: expect.any(String) })
    expect(lines).toEqual([
      [
        'warn',
        expect.stringMatching(/doctor.*EOS151/),
        expect.objectContaining({ findings: [expect.stringMatching(/^org fault: .*status 500/)] }),
      ],
    ])
    expect(okta.stats()).toMatchObject({ calls: 0, failures: {} })
    expect(okta.stats().heldOff).toBeUndefined()
    const cookie = org.signIn('alice@example.com')
    expect(await okta.authenticate({ headers: { cookie } })).toMatchObject({ state: 'active' })
  })

  it.each([
    [
      'not reached',
      'http://localhost:1',
      { ok: false, findings: [{ check: 'org', level: 'fault' }] },
    ],
  ])('an org that is %s rejects nothing', async (_what, orgUrl, readiness) => {
    expect(await startOkta({ orgUrl }).ready()).toMatchObject(readiness)
  })

  it('an error about the org is one line, the line of ready()', async () => {
    const { lines, logger } = collected()
    const { okta, org } = await startParts({ okta: { logger } })
    org.failNext({ kind: 'status', status: 403, errorCode: 'E0000015' })
    expect((await okta.ready()).ok).toBe(false)
    expect(lines.map(([level]) => level)).toEqual(['warn'])
  })

  it('a session in answer to no cookie is a fault', async () => {
    const okta = startOkta({ orgUrl: await serve(json(200, sessionJson())) })
    expect((await okta.ready()).findings[0]).toMatchObject({ check: 'org', level: 'fault' })
  })

  it('a clock that is far off is a fault', async () => {
    const { okta } = await startParts({ org: { dateSkewMs: 3_600_000 } })
    const { ok, findings } = await okta.ready()
    expect(ok).toBe(false)
    expect(findings[1]).toMatchObject({ check: 'clock', level: 'fault' })
  })

  it('calls that overlap, or follow within ten seconds, share one call; only a change is logged again', async () => {
    const { lines, logger } = collected()
    const { okta, org, clock } = await startParts({ okta: { logger } })
    const [first, second] = await Promise.all([okta.ready(), okta.ready()])
    expect(second).toBe(first)
    expect(await okta.ready()).toBe(first)
    expect(org.calls.getCurrentSession).toBe(1)
    clock.advance(10_000)
    await okta.ready()
    expect(org.calls.getCurrentSession).toBe(2)
    expect(lines).toHaveLength(1)
    clock.advance(10_000)
    org.failNext({ kind: 'status', status: 500 })
    expect((await okta.ready()).ok).toBe(false)
    expect(lines).toHaveLength(2)
  })

  it('after close() it resolves with a fault and logs nothing', async () => {
    const { lines, logger } = collected()
    const { okta } = await startParts({ okta: { logger } })
    await okta.close()
    expect(await okta.ready()).toMatchObject({ ok: false })
    expect(lines).toEqual([])
  })

  it('the findings are frozen and hold no secret', async () => {
    const { okta } = await startParts({ okta: { credentials: { apiToken: 'canary-token-1234' } } })
    const readiness = await okta.ready()
    expect(Object.isFrozen(readiness) && Object.isFrozen(readiness.findings)).toBe(true)
    expect(JSON.stringify(readiness)).not.toContain('canary')
  })
})

describe('checkAtStart', () => {
  it('without it nothing is called at start', async () => {
    const { org } = await startParts()
    expect(org.calls.getCurrentSession).toBe(0)
  })

  it('makes one call and writes one line, which settled() waits for', async () => {
    const { lines, logger } = collected()
    const { okta, org } = await startParts({ okta: { logger, checkAtStart: true } })
    await okta.settled()
    expect(org.calls.getCurrentSession).toBe(1)
    expect(lines).toHaveLength(1)
  })

  it('a request does not wait for a check that hangs', async () => {
    const org = await startOrg({})
    org.failNext({ kind: 'hang' })
    const okta = startOkta({ orgUrl: org.url, checkAtStart: true }, new TestClock())
    const guard = okta.requireSession()
    const url = await serve((req, res) => guard(req, res, () => res.end('passed')))
    await expect.poll(() => org.calls.getCurrentSession).toBe(1)
    const cookie = org.signIn('alice@example.com')
    const { text } = await request(url).get('/').set('Cookie', cookie).expect(200)
    expect(text).toBe('passed')
  })

  it('a check that is under way at close() is not logged', async () => {
    const { lines, logger } = collected()
    const org = await startOrg({})
    org.failNext({ kind: 'hang' })
    const okta = startOkta({
      ...{ orgUrl: org.url, logger, checkAtStart: true },
      upstream: { timeoutMs: 200 },
    })
    await okta.close()
    expect(lines).toEqual([])
  })
})
