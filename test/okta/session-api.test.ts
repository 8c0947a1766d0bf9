import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { OktaApiError, OktaUnavailableError } from '../../src/errors.js'
import { SessionApi } from '../../src/okta/session-api.js'
import type { Credentials } from '../../src/options/options.js'
import { ENVELOPE, SESSION } from './answers.js'
import { bytes, httpServer, type RawServer, type Seen, tcpServer } from './raw-server.js'

const SECRETS = {
  cookie: 'cookie-value-secret',
  sessionToken: 'session-token-secret',
  apiToken: 'api-token-secret',
  sessionId: '102session-id-secret',
}

/** Every operation, with a secret in each argument. */
const CALLS: readonly (readonly [string, (api: SessionApi) => Promise<unknown>])[] = [
  ['getCurrentSession', (api) => api.getCurrentSession(`sid=${SECRETS.cookie}`)],
  ['refreshCurrentSession', (api) => api.refreshCurrentSession(`idx=${SECRETS.cookie}`)],
  ['closeCurrentSession', (api) => api.closeCurrentSession(`sid=${SECRETS.cookie}`)],
  ['createSession', (api) => api.createSession({ sessionToken: SECRETS.sessionToken })],
  ['getSession', (api) => api.getSession(SECRETS.sessionId)],
  ['refreshSession', (api) => api.refreshSession(SECRETS.sessionId)],
  ['revokeSession', (api) => api.revokeSession(SECRETS.sessionId)],
]

function apiAt(url: string, timeoutMs = 2_000, apiToken = SECRETS.apiToken): SessionApi {
  return new SessionApi({ orgUrl: url, credentials: { apiToken }, timeoutMs })
}

function everything(value: unknown): string {
  const options = { depth: Infinity, showHidden: true, maxStringLength: Infinity } as const
  const stack = value instanceof Error ? value.stack : ''
  return `${inspect(value, options)} ${JSON.stringify(value)} ${stack} ${String(value)}`
}

async function errorOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => undefined,
    (error: unknown) => error,
  )
}

/** A server that answers everything with one status and body, for as long as `use` takes. */
async function withAnswer(
  status: number,
  body: string,
  use: (api: SessionApi) => Promise<void>,
): Promise<void> {
  const server = await httpServer((_req, res) => {
    res.writeHead(status, { 'content-type': 'application/json' })
    res.end(body)
  })
  await use(apiAt(server.url)).finally(() => server.close())
}

describe('a SessionApi', () => {
  it('SessionApi resolves to the session, or to nothing where an operation has no answer', async () => {
    const { _links, ...known } = SESSION
    await withAnswer(200, JSON.stringify(SESSION), async (api) => {
      expect(await api.getCurrentSession('sid=abc')).toEqual(known)
      expect(await api.getSession('abc')).toEqual(known)
    })
    await withAnswer(204, '', async (api) => {
      expect(await api.closeCurrentSession('sid=abc')).toBeUndefined()
      expect(await api.revokeSession('abc')).toBeUndefined()
    })
  })

  it.each([400, 401, 403, 404, 405, 429, 500, 502, 503])(
    'SessionApi rejects a %i as an OktaApiError, with Okta’s body or without',
    async (status) => {
      for (const body of [JSON.stringify(ENVELOPE), '<html>'])
        await withAnswer(status, body, async (api) => {
          for (const [operation, call] of CALLS) {
            const error = await errorOf(call(api))
            expect(error).toBeInstanceOf(OktaApiError)
            expect(error).toMatchObject({ operation, status })
          }
        })
    },
  )

  it('SessionApi rejects a redirect, an unusable body and silence as an OktaUnavailableError', async () => {
    const codes: unknown[] = []
    const record = async (api: SessionApi) => {
      const error = await errorOf(api.getCurrentSession('sid=abc'))
      expect(error).toBeInstanceOf(OktaUnavailableError)
      codes.push(error instanceof OktaUnavailableError && error.code)
    }
    await withAnswer(302, '', record)
    await withAnswer(200, '{}', record)
    const silent = await httpServer(() => {})
    await record(apiAt(silent.url, 50)).finally(() => silent.close())
    expect(codes).toEqual(['redirect', 'schema', 'timeout'])
  })

  it('SessionApi rejects with the reason of an aborted signal, in every operation', async () => {
    const api = apiAt('http://127.0.0.1:9')
    const options = { signal: AbortSignal.abort() }
    const calls = [
      api.getCurrentSession('sid=abc', options),
      api.refreshCurrentSession(undefined, options),
      api.closeCurrentSession('sid=abc', options),
      api.createSession({ sessionToken: 'abc' }, options),
      api.getSession('abc', options),
      api.refreshSession('abc', options),
      api.revokeSession('abc', options),
    ]
    for (const call of calls) await expect(call).rejects.toMatchObject({ name: 'AbortError' })
  })

  it('SessionApi rejects calls after close, and may be closed twice', async () => {
    const api = apiAt('http://127.0.0.1:9')
    await api.close()
    await api.close()
    await expect(api.getCurrentSession()).rejects.toMatchObject({ code: 'closed' })
  })

  it('SessionApi ignores headers in the options of a call', async () => {
    const server = await httpServer((_req, res) => res.end())
    const options = { headers: { 'x-forwarded-for': '203.0.113.9' } }
    await errorOf(apiAt(server.url).getCurrentSession('sid=abc', options as object))
    expect(server.seen[0]?.headers).not.toHaveProperty('x-forwarded-for')
    await server.close()
  })

  it('SessionApi reads its settings from the environment', async () => {
    const server = await httpServer((_req, res) => res.end())
    vi.stubEnv('OKTA_CLIENT_ORGURL', server.url)
    vi.stubEnv('OKTA_CLIENT_TOKEN', 'token-from-env')
    await errorOf(new SessionApi().getSession('abc'))
    vi.unstubAllEnvs()
    expect(server.seen[0]?.headers.authorization).toBe('SSWS token-from-env')
    await server.close()
  })

  it('SessionApi names every invalid option at once and shows no secret', () => {
    const options = { orgUrl: 'http://example.com', credentials: { apiToken: 'b ad-secret' } }
    expect(() => new SessionApi(options)).toThrow(/orgUrl[\s\S]*apiToken/)
    expect(() => new SessionApi(options)).not.toThrow(/ad-secret/)
  })
})

describe('secrets', () => {
  const echo = ({ headers, body }: Seen) => {
    const errorSummary = `Echo ${headers.authorization} ${headers.cookie} ${body}`
    return JSON.stringify({ ...ENVELOPE, errorSummary, errorCauses: [{ errorSummary }] })
  }
  const servers: RawServer[] = []
  const urls: [string, string][] = []

  beforeAll(async () => {
    const add = async (name: string, server: Promise<RawServer>) => {
      const { url, close, ...rest } = await server
      servers.push({ url, close, ...rest })
      urls.push([name, url])
    }
    await add(
      'an echo',
      httpServer((req, res) =>
        res.writeHead(400, { 'content-type': 'application/json' }).end(echo(req)),
      ),
    )
    await add(
      'html',
      httpServer((_req, res) => res.writeHead(502).end('<html>')),
    )
    await add(
      'a redirect',
      httpServer((_req, res) => res.writeHead(302, { location: '/' }).end()),
    )
    await add(
      'an empty 200',
      httpServer((_req, res) => res.end()),
    )
    await add(
      'silence',
      httpServer(() => {}),
    )
    await add(
      'a reset',
      tcpServer((socket) => socket.resetAndDestroy()),
    )
    await add('half an answer', tcpServer(bytes('HTTP/1.1 200 OK', 'Content-Length: 9', '', '1')))
    await add(
      'an echo that is not HTTP',
      tcpServer((socket, head) => socket.end(head)),
    )
    urls.push(['no server', 'http://127.0.0.1:9'], ['no host', 'http://nowhere.localhost'])
  })
  afterAll(() => Promise.all(servers.map((server) => server.close())))

  it('no error of SessionApi holds a secret, at any depth, whatever the answer', async () => {
    for (const [name, url] of urls)
      for (const [operation, call] of CALLS) {
        const error = await errorOf(call(apiAt(url, 60)))
        expect(error, `${operation}, ${name}`).toBeInstanceOf(Error)
        const shown = everything(error)
        for (const secret of Object.values(SECRETS))
          expect(shown, `${operation}, ${name}`).not.toContain(secret)
      }
  })

  it('no property of SessionApi holds a secret', () => {
    const credentials: Credentials[] = [
      { apiToken: SECRETS.apiToken },
      { accessToken: SECRETS.apiToken },
    ]
    for (const each of credentials)
      expect(
        everything(new SessionApi({ orgUrl: 'https://id.example.com', credentials: each })),
      ).not.toContain('secret')
  })
})
