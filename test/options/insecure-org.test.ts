/** allowInsecureOrg: an org on http beyond loopback, for containers and never in production. */
import express from 'express'
import { oktaSession, SessionApi } from 'express-okta-session'
import { createLocalOrg } from 'express-okta-session/local-org'
import request from 'supertest'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { parseApiOptions, parseOptions } from '../../src/options/parse-options.js'

const orgUrl = 'http://local-org:8080'

describe('allowInsecureOrg', () => {
  it('permits http beyond loopback; without it that is a fault, and https needs none', () => {
    expect(parseOptions({ orgUrl, allowInsecureOrg: true }, {}).api.orgUrl).toBe(orgUrl)
    expect(parseApiOptions({ orgUrl, allowInsecureOrg: true }, {}).orgUrl).toBe(orgUrl)
    for (const allowInsecureOrg of [false, undefined]) {
      expect(() => parseOptions({ orgUrl, allowInsecureOrg }, {})).toThrow(
        /orgUrl: .*must be https/,
      )
      expect(() => parseApiOptions({ orgUrl, allowInsecureOrg }, {})).toThrow(/must be https/)
    }
    expect(parseOptions({ orgUrl: 'https://id.example.com' }, {}).allowInsecureOrg).toBe(false)
  })

  it.each([orgUrl, 'https://id.example.com', 'http://localhost:1'])(
    'is a fault where NODE_ENV is production, with %s',
    (url) => {
      const env = { NODE_ENV: 'production' }
      const options = { orgUrl: url, allowInsecureOrg: true }
      const fault = /allowInsecureOrg: got true; must be left out where NODE_ENV is production/
      expect(() => parseOptions(options, env)).toThrow(fault)
      expect(() => parseApiOptions(options, env)).toThrow(fault)
    },
  )

  it('takes true and false alone', () => {
    const options = { orgUrl, allowInsecureOrg: 'true' as never }
    expect(() => parseOptions(options, {})).toThrow(/allowInsecureOrg: got "true"; must be true or/)
    expect(() => new SessionApi(options)).toThrow(/allowInsecureOrg/)
  })

  it('is one line in the log, where the org is on http', async () => {
    vi.stubEnv('NODE_ENV', 'test')
    onTestFinished(() => void vi.unstubAllEnvs())
    for (const [url, count] of [
      [orgUrl, 1],
      ['https://id.example.com', 0],
    ] as const) {
      const lines: string[] = []
      const logger = { warn: (line: string) => void lines.push(line) }
      const okta = oktaSession({ orgUrl: url, allowInsecureOrg: true, logger })
      await okta.close()
      expect(lines.filter((line) => line.includes('allowInsecureOrg'))).toHaveLength(count)
    }
  })

  it.each([
    [undefined, false],
    ['http://app.example.com', false],
    ['https://app.example.com', true],
  ])('with appUrl %s its cookies are Secure: %s', async (appUrl, secure) => {
    vi.stubEnv('NODE_ENV', 'test')
    onTestFinished(() => void vi.unstubAllEnvs())
    const org = await createLocalOrg({ host: '127.0.0.1', allowedHosts: ['local-org'] })
    onTestFinished(() => org.close())
    const at = `http://127.0.0.1:${new URL(org.url).port}`
    const okta = oktaSession({ orgUrl: at, appUrl, allowInsecureOrg: true, logger: false })
    onTestFinished(() => okta.close())
    const app = express().post('/logout', okta.logout())
    const answer = await request(app)
      .post('/logout')
      .set({ 'Sec-Fetch-Site': 'same-origin', 'Sec-Fetch-Mode': 'cors' })
      .expect(204)
    const cookies = ([] as string[]).concat(answer.headers['set-cookie'] ?? [])
    expect(cookies.length).toBeGreaterThan(0)
    for (const line of cookies) expect(/; Secure/.test(line), line).toBe(secure)
  })
})
