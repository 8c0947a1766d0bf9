/** An app may hand one AbortSignal to any number of calls. */
import { getEventListeners } from 'node:events'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Choices, type Parts, startParts } from './door.js'

const CALLS = 12

/** What Node warns of meanwhile. */
function warningsFromNow(): readonly string[] {
  const warnings: string[] = []
  const onWarning = ({ name, message }: Error) => warnings.push(`${name}: ${message}`)
  process.on('warning', onWarning)
  onTestFinished(() => void process.off('warning', onWarning))
  return warnings
}

type Act = (parts: Parts, cookie: string, signal: AbortSignal) => Promise<unknown>

const accessToken = async () => 'an access token'

const calls: [string, Act, Choices?][] = [
  [
    'authenticate()',
    ({ okta }, cookie, signal) => okta.authenticate({ headers: { cookie } }, { signal }),
  ],
  [
    'calls of the API',
    ({ okta }, cookie, signal) => okta.api.getCurrentSession(cookie, { signal }),
  ],
  [
    'calls of the API with an access token',
    ({ okta }, cookie, signal) =>
      okta.api.getSession(cookie.slice(4, 20), { signal }).catch(() => {}),
    { okta: { credentials: { accessToken } } },
  ],
  [
    'both at once',
    ({ okta }, cookie, signal) =>
      Promise.all([
        okta.authenticate({ headers: { cookie } }, { signal }),
        okta.api.getCurrentSession(cookie, { signal }),
      ]),
  ],
]

describe('one AbortSignal for twelve calls at once', () => {
  it.each(calls)(
    'one AbortSignal for twelve calls warns of no leak: %s',
    async (_, act, choices) => {
      const parts = await startParts(choices)
      const cookie = parts.org.signIn('alice@example.com')
      const { signal } = new AbortController()
      const warnings = warningsFromNow()
      const acts = Array.from({ length: CALLS }, () => act(parts, cookie, signal))
      await new Promise(setImmediate)
      expect(getEventListeners(signal, 'abort').length).toBeLessThanOrEqual(1)
      await Promise.all(acts)
      await new Promise(setImmediate)
      expect(getEventListeners(signal, 'abort')).toEqual([])
      expect(warnings).toEqual([])
    },
  )

  it('one AbortSignal for twelve calls that are tried again warns of no leak', async () => {
    const { okta, org } = await startParts()
    const cookie = org.signIn('alice@example.com')
    org.fail({ kind: 'status', status: 503 })
    const { signal } = new AbortController()
    const warnings = warningsFromNow()
    const acts = Array.from({ length: CALLS }, () => okta.api.getCurrentSession(cookie, { signal }))
    await expect(Promise.any(acts)).rejects.toThrow()
    expect(getEventListeners(signal, 'abort')).toEqual([])
    expect(warnings).toEqual([])
  })

  it.each(calls.filter(([, , choices]) => choices === undefined))(
    'one AbortSignal stops all twelve calls, each with its reason: %s',
    async (_, act) => {
      const parts = await startParts({ okta: { upstream: { timeoutMs: 500 } } })
      const cookie = parts.org.signIn('alice@example.com')
      parts.org.fail({ kind: 'hang' })
      const stopping = new AbortController()
      const acts = Array.from({ length: CALLS }, () => act(parts, cookie, stopping.signal))
      const settled = Promise.allSettled(acts)
      await expect.poll(() => parts.org.calls.getCurrentSession).toBeGreaterThan(0)
      const reason = new Error('the user left')
      stopping.abort(reason)
      expect(await settled).toEqual(acts.map(() => ({ status: 'rejected', reason })))
      await expect(act(parts, cookie, stopping.signal)).rejects.toBe(reason)
      expect(getEventListeners(stopping.signal, 'abort')).toEqual([])
    },
  )
})
