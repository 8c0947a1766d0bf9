import { afterEach, describe, expect, it, vi } from 'vitest'
import { createRetries, type Deadline, systemClock } from '../../src/okta/call.js'
import type { CallResult } from '../../src/okta/call-error.js'
import type { HttpFailure, HttpRequest } from '../../src/okta/exchange.js'
import { createOperations, type Operations } from '../../src/okta/operations.js'
import type { CheckedCredentials } from '../../src/options/options.js'
import { answer, endingOf, SESSION } from './answers.js'
import { httpServer, type RawServer, tcpServer } from './raw-server.js'

const open: RawServer[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()))
})

/** Answers the first request with `status` (0: resets the connection) and all later ones with success. */
async function failingOnce(status: number): Promise<RawServer> {
  const server = await httpServer(({ method }, res) => {
    if (server.seen.length === 1 && status === 0) res.socket?.resetAndDestroy()
    else if (server.seen.length === 1) res.writeHead(status).end()
    else if (method === 'DELETE') res.writeHead(204).end()
    else res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(SESSION))
  })
  open.push(server)
  return server
}

function operationsAt(
  orgUrl: string,
  timeoutMs = 2_000,
  credentials?: CheckedCredentials,
): Operations {
  return createOperations({ orgUrl, credentials, timeoutMs, agent: undefined }, systemClock)
}

const CALLS: Readonly<Record<string, (api: Operations) => Promise<CallResult<unknown>>>> = {
  getCurrentSession: (api) => api.getCurrentSession('sid=abc'),
  closeCurrentSession: (api) => api.closeCurrentSession('sid=abc'),
  getSession: (api) => api.getSession('abc'),
  revokeSession: (api) => api.revokeSession('abc'),
  refreshCurrentSession: (api) => api.refreshCurrentSession('sid=abc'),
  refreshSession: (api) => api.refreshSession('abc'),
  createSession: (api) => api.createSession({ sessionToken: 'abc' }),
}

const repeatable = ['getCurrentSession', 'closeCurrentSession', 'getSession', 'revokeSession']
const once = ['refreshCurrentSession', 'refreshSession', 'createSession']

async function requestsOf(
  operation: string,
  status: number,
): Promise<[string | undefined, number]> {
  const server = await failingOnce(status)
  const call = await CALLS[operation]?.(operationsAt(server.url))
  return [call && endingOf(call).kind, server.seen.length]
}

describe('the one retry', () => {
  it.each(repeatable)(
    'one retry saves %s from a lost connection, 502, 503 and 504',
    async (operation) => {
      for (const status of [0, 502, 503, 504])
        expect(await requestsOf(operation, status)).toEqual(['ok', 2])
    },
  )

  it.each(once)('%s, a POST, is not retried', async (operation) => {
    expect(await requestsOf(operation, 0)).toEqual(['unavailable', 1])
    expect(await requestsOf(operation, 503)).toEqual(['error', 1])
  })

  it.each([302, 400, 401, 403, 404, 429, 500, 501])('a %i is not retried', async (status) => {
    const [, requests] = await requestsOf('getCurrentSession', status)
    expect(requests).toBe(1)
  })

  it('a timeout is not retried', async () => {
    const server = await httpServer(() => {})
    open.push(server)
    const outcome = endingOf(await operationsAt(server.url, 50).getCurrentSession('sid=abc'))
    expect(outcome).toMatchObject({ kind: 'unavailable', error: { code: 'timeout' } })
    expect(server.seen).toHaveLength(1)
  })

  it('a retry stays inside the one deadline', async () => {
    const server = await failingOnce(503)
    const outcome = endingOf(await operationsAt(server.url, 49).getCurrentSession('sid=abc'))
    expect(outcome.kind).not.toBe('ok')
    expect(server.seen).toHaveLength(1)
    const slowAfterwards = await httpServer((_req, res) => {
      if (slowAfterwards.seen.length === 1) res.writeHead(503).end()
    })
    open.push(slowAfterwards)
    const late = endingOf(await operationsAt(slowAfterwards.url, 300).getCurrentSession('sid=abc'))
    expect(late).toMatchObject({ kind: 'unavailable', error: { code: 'timeout' } })
    expect(slowAfterwards.seen).toHaveLength(2)
  })

  it('a call is retried once', async () => {
    const server = await httpServer((_req, res) => res.writeHead(503).end())
    open.push(server)
    const outcome = endingOf(await operationsAt(server.url).getCurrentSession('sid=abc'))
    expect(outcome).toMatchObject({ kind: 'error', error: { status: 503 } })
    expect(server.seen).toHaveLength(2)
  })

  it('retries add a tenth to the calls of a failing org', async () => {
    const server = await tcpServer((socket) => socket.resetAndDestroy())
    open.push(server)
    const operations = operationsAt(server.url)
    for (let i = 0; i < 60; i += 1) await operations.getCurrentSession('sid=abc')
    expect(server.connections()).toBeGreaterThan(60)
    expect(server.connections()).toBeLessThanOrEqual(67)
  })

  it('a retry requests no second access token', async () => {
    const server = await failingOnce(503)
    const accessToken = vi.fn(async () => 'tok')
    const outcome = endingOf(
      await operationsAt(server.url, 2_000, { accessToken }).getSession('abc'),
    )
    expect([outcome.kind, server.seen.length]).toEqual(['ok', 2])
    expect(accessToken).toHaveBeenCalledTimes(1)
  })

  it("the caller's signal ends the pause before a retry", async () => {
    const controller = new AbortController()
    const reason = new Error('user left')
    const server = await httpServer((_req, res) => {
      res.writeHead(503).end()
      setImmediate(() => setImmediate(() => controller.abort(reason)))
    })
    open.push(server)
    const { signal } = controller
    const call = operationsAt(server.url).getCurrentSession('sid=abc', { signal })
    await expect(call).rejects.toBe(reason)
    expect(server.seen).toHaveLength(1)
  })
})

describe('the retry budget', () => {
  const request: HttpRequest = { method: 'GET', path: '/' }
  const deadline: Deadline = { signal: undefined, remainingMs: () => 60_000 }
  const lost: HttpFailure = { kind: 'failed', code: 'reset' }

  it('the retry budget saves up five at most', async () => {
    const retries = createRetries(() => 0)
    for (let i = 0; i < 1_000; i += 1) retries.begin(request, deadline)
    const granted: boolean[] = []
    for (let i = 0; i < 7; i += 1) granted.push(await retries.begin(request, deadline)(lost))
    expect(granted).toEqual([true, true, true, true, true, false, false])
  })

  it('the retry budget gives one call one retry, however much is saved', async () => {
    const retries = createRetries(() => 0)
    for (let i = 0; i < 100; i += 1) retries.begin(request, deadline)
    const retry = retries.begin(request, deadline)
    expect([await retry(lost), await retry(lost)]).toEqual([true, false])
  })

  it('the retry budget is not charged for answers that need no retry', async () => {
    const retries = createRetries(() => 0)
    for (let i = 0; i < 5; i += 1) await retries.begin(request, deadline)(answer(404))
    expect(await retries.begin(request, deadline)(lost)).toBe(true)
  })
})
