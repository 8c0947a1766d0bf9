/** One request to the app or its hook: bounded, without following redirects, with TLS checked. */
import type { UnavailableCode } from '../../errors.js'
import { createExchange, type HttpAnswer, type HttpRequest } from '../../okta/exchange.js'
import { soleValue } from '../../okta/http-answer.js'

export interface Probed {
  readonly answer: HttpAnswer | undefined
  readonly durationMs: number
  /** Why there is no answer. */
  readonly failure?: string
}

/** Sends one request to the URL. Never rejects. */
export async function probe(
  url: URL,
  request: Pick<HttpRequest, 'method' | 'headers' | 'body'>,
  timeoutMs: number,
): Promise<Probed> {
  const exchange = createExchange({ orgUrl: url.origin, timeoutMs })
  const began = performance.now()
  const result = await exchange.send({
    ...request,
    path: `${url.pathname}${url.search}`,
    // A POST is not sent a second time where its connection is lost.
    isSingleUse: true,
  })
  const durationMs = Math.round(performance.now() - began)
  await exchange.close()
  if (result.kind === 'answered') return { answer: result, durationMs }
  if (result.kind === 'aborted') return { answer: undefined, durationMs, failure: 'aborted' }
  const { code, cause } = result
  const detail = cause !== undefined && 'code' in cause ? `, ${String(cause.code)}` : ''
  return { answer: undefined, durationMs, failure: `${FAILURES[code] ?? code}${detail}` }
}

const FAILURES: { readonly [code in UnavailableCode]?: string } = {
  dns: 'the host name was not resolved',
  connect: 'no connection',
  reset: 'the connection was lost',
  tls: 'no trusted TLS connection',
  timeout: 'no answer in time',
  malformed: 'the answer is not HTTP',
}

/** The absolute URL that a redirect leads to. */
export function redirectOf(answer: HttpAnswer, base: URL): URL | undefined {
  if (answer.status < 300 || answer.status > 399) return undefined
  const location = soleValue(answer.headers, 'location')
  try {
    return location === undefined ? undefined : new URL(location, base)
  } catch {
    // No URL: the caller reports the status.
    return undefined
  }
}

/** The body as JSON; undefined for any other. */
export function jsonOf({ body }: HttpAnswer): unknown {
  try {
    return JSON.parse(String(body))
  } catch {
    // The caller says what it expects.
    return undefined
  }
}
