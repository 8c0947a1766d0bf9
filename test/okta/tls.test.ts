import { Agent, createServer } from 'node:https'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createExchange, type HttpResult } from '../../src/okta/exchange.js'
import { expired, type Identity, misnamed, trustworthy } from './certificates.js'

const open: (() => void)[] = []
afterEach(() => {
  vi.unstubAllEnvs()
  for (const close of open.splice(0)) close()
})

/** Sends a request to a TLS server with this certificate; trusts `trusted` alone, or the system's authorities. */
async function call(identity: Identity, trusted?: Identity): Promise<HttpResult> {
  const server = createServer(identity, (_req, res) => res.end('{}'))
  await new Promise<void>((resolve) => server.listen(0, resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const agent = trusted === undefined ? undefined : new Agent({ ca: trusted.cert, keepAlive: true })
  const exchange = createExchange({ orgUrl: `https://localhost:${port}`, timeoutMs: 2_000, agent })
  open.push(() => {
    agent?.destroy()
    server.closeAllConnections()
    server.close()
  })
  const result = await exchange.send({ method: 'GET', path: '/' })
  await exchange.close()
  return result
}

describe('TLS', () => {
  it('TLS trusts an authority of the user’s agent', async () => {
    expect(await call(trustworthy, trustworthy)).toMatchObject({ kind: 'answered', status: 200 })
  })

  it.each([
    ['of an unknown authority', trustworthy, undefined, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['has expired', expired, expired, 'CERT_HAS_EXPIRED'],
    ['is for another host', misnamed, misnamed, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ] as const)('TLS refuses a certificate that %s', async (_what, identity, trusted, code) => {
    expect(await call(identity, trusted)).toMatchObject({
      kind: 'failed',
      code: 'tls',
      cause: { code },
    })
  })

  it('TLS refuses a bad certificate also when NODE_TLS_REJECT_UNAUTHORIZED is 0', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    expect(await call(trustworthy)).toMatchObject({ kind: 'failed', code: 'tls' })
    expect(await call(expired, expired)).toMatchObject({ kind: 'failed', code: 'tls' })
  })
})
