import type { Server } from 'node:http'
import express from 'express'
import type { SessionContext } from 'express-okta-session'
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { composeOktaSession } from '../../src/okta-session.js'
import { parseOptions } from '../../src/options/parse-options.js'
import { TestClock } from '../session/lookup-world.js'
import { answerFaults } from './answer-faults.js'
import { connectionFaults } from './connection-faults.js'
import { type FaultyOrg, faultyOrg, UPSTREAM } from './faulty-org.js'
import type { Beyond, Row, Verdict } from './row.js'

const rows: readonly Row[] = [...connectionFaults, ...answerFaults]

/** Short where the deadline is what is tested; elsewhere longer than a busy machine takes. */
const timeoutOf = ([, , verdict, beyond]: Row) =>
  [verdict, beyond?.secondVerdict].includes('timeout') ? 500 : 5_000
const INCOMPLETE = ['mfa_required', 'mfa_enroll', 'unknown_status']
const NO = ['not_found', 'expired']

/** What a row opens is closed at its end: the rows run side by side. */
interface Closable {
  close(): Promise<void>
}

/** An app with a guarded route in front of an org, and what landed on its requests. */
function appBefore(org: FaultyOrg, timeoutMs: number, opened: Closable[]) {
  const clock = new TestClock()
  clock.wall = Date.now()
  const settings = parseOptions(
    {
      orgUrl: org.url,
      upstream: { timeoutMs, ...(org.agent && { agent: org.agent }) },
      logger: false,
      cache: { maxSessions: 10, maxNegatives: 10 },
    },
    {},
  )
  const okta = composeOktaSession(settings, { clock, random: () => 0 })
  opened.push(okta)
  const verdicts: SessionContext[] = []
  const app = express()
  app.get('/', okta.attachSession(), (req, _res, next) => {
    if (req.okta !== undefined) verdicts.push(req.okta)
    next()
  })
  app.get('/', okta.requireSession(), (req, res) => {
    res.json(okta.session(req))
  })
  const server: Server = app.listen(0, 'localhost')
  opened.push({
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  })
  const get = (accept: string) =>
    request(server).get('/').set('Cookie', 'idx=abc').set('Accept', accept)
  return { clock, okta, verdicts, api: () => get('application/json'), page: () => get('text/html') }
}

type App = ReturnType<typeof appBefore>

function stateOf(verdict: Verdict): SessionContext['state'] {
  if (verdict === 'active') return 'active'
  if (NO.includes(verdict)) return 'anonymous'
  return INCOMPLETE.includes(verdict) ? 'incomplete' : 'unavailable'
}

function said(context: SessionContext | undefined): string | undefined {
  return context?.state === 'active' ? 'active' : context?.reason
}

/** What a program is answered. */
function expectAnswer(
  answer: request.Response,
  verdict: Verdict,
  { retryAfter = 1 }: Beyond,
): void {
  const state = stateOf(verdict)
  const status = { active: 200, anonymous: 401, incomplete: 403, unavailable: 503 }[state]
  expect(answer.status).toBe(status)
  expect(answer.headers['retry-after']).toBe(state === 'unavailable' ? `${retryAfter}` : undefined)
  if (state === 'active') return
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
  const code = {
    anonymous: 'session_required',
    unavailable: 'okta_unavailable',
    incomplete: expect.any(String),
  }[state]
  const title = { 401: 'Unauthorized', 403: 'Forbidden', 503: 'Service Unavailable' }[status]
  expect(answer.body).toEqual({ type: 'about:blank', title, status, code, reason: verdict })
}

/** The answer to a page request: never a redirect to sign-in while Okta cannot tell whether there is a session. */
function expectPage(answer: request.Response, verdict: Verdict): void {
  const state = stateOf(verdict)
  const redirected = state === 'anonymous' || state === 'incomplete'
  expect(answer.status).toBe(state === 'active' ? 200 : redirected ? 302 : 503)
  expect('location' in answer.headers).toBe(redirected)
  if (state === 'unavailable') expect(answer.text).toContain('http-equiv="refresh"')
}

/** Nothing of the org's gets through, and no cookie of the session's is touched. */
function expectDiscreet(answer: request.Response): void {
  expect(JSON.stringify([answer.headers, answer.text])).not.toContain(UPSTREAM)
  const cookies = [answer.headers['set-cookie'] ?? []].flat()
  const ours = /^okta-(?:sign-in-redirects|unavailable-since)=/
  expect(cookies.filter((line) => !ours.test(line))).toEqual([])
}

function usually(verdict: Verdict): NonNullable<Beyond['again']> {
  return stateOf(verdict) === 'unavailable' ? 'called' : 'cached'
}

async function firstRequest(app: App, org: FaultyOrg, verdict: Verdict, beyond: Beyond) {
  const answer = await app.api()
  expect(said(app.verdicts[0])).toBe(verdict)
  expectAnswer(answer, verdict, beyond)
  expectDiscreet(answer)
  expect(app.okta.stats().calls).toBe(1)
  if (org.canAnswerWell) expect(org.received).toBe(beyond.received ?? 1)
  expect(org.written).toBeLessThan(beyond.wroteLess ?? 1)
}

async function secondRequest(app: App, org: FaultyOrg, verdict: Verdict, beyond: Beyond) {
  const received = org.received
  const answer = await app.page()
  expect(said(app.verdicts[1])).toBe(beyond.secondVerdict ?? verdict)
  expectPage(answer, verdict)
  expectDiscreet(answer)
  const isCalled = (beyond.again ?? usually(verdict)) === 'called'
  expect(app.okta.stats().calls).toBe(isCalled ? 2 : 1)
  if (org.canAnswerWell) expect(org.received - received).toBe(isCalled ? 1 : 0)
}

/** A session that is known here outlives what is no answer, and ends with a no. */
async function knownSession(row: Row, opened: Closable[]) {
  const [, fault, verdict] = row
  const org = await faultyOrg(fault)
  opened.push(org)
  if (!org.canAnswerWell) return
  const app = appBefore(org, timeoutOf(row), opened)
  org.well = true
  expect((await app.api()).status).toBe(200)
  org.well = false
  app.clock.advance(61_000)
  const answer = await app.api()
  const state = stateOf(verdict)
  const source = state === 'active' ? 'okta' : 'stale'
  if (state === 'active' || state === 'unavailable') {
    expect(app.verdicts[1]).toMatchObject({ state: 'active', source })
    expect(answer.status).toBe(200)
  } else {
    expect(app.verdicts[1]).toMatchObject({ state })
    expectAnswer(answer, verdict, {})
  }
  expectDiscreet(answer)
}

describe.concurrent('the fault matrix', () => {
  it.for(rows)('%s: every request gets a safe answer', async (row, { onTestFinished }) => {
    const opened: Closable[] = []
    onTestFinished(async () => {
      await Promise.all(opened.map((each) => each.close()))
    })
    const [, fault, verdict, beyond = {}] = row
    const org = await faultyOrg(fault)
    opened.push(org)
    const app = appBefore(org, timeoutOf(row), opened)
    await firstRequest(app, org, verdict, beyond)
    await secondRequest(app, org, verdict, beyond)
    expect(org.strayed).toBe(0)
    await knownSession(row, opened)
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
  })

  it('the fault matrix has at least 90 rows, each with a name of its own', () => {
    expect(rows.length).toBeGreaterThanOrEqual(90)
    expect(new Set(rows.map(([what]) => what)).size).toBe(rows.length)
  })
})
