/** The app as browsers reach it: whether they send it Okta's cookie, and what it takes for its own address behind its proxy. */
import type { CookieKind } from '../../contracts.js'
import type { HttpAnswer } from '../../okta/exchange.js'
import { isObject, own } from '../../okta/http-answer.js'
import { isLoopback } from '../../options/urls.js'
import type { Finding } from '../../public-types.js'
import { jsonOf, probe, redirectOf } from './probe.js'

/** Whether browsers send Okta's cookie to the app. It belongs to Okta's host alone. */
export function judgeCookie(orgUrl: string, app: URL, cookieNames: readonly CookieKind[]): Finding {
  const check = 'cookie'
  const org = new URL(orgUrl)
  const names = cookieNames.join(' and ')
  if (app.hostname !== org.hostname)
    return {
      check,
      level: 'warning',
      message: `Browsers send the cookies of ${org.hostname} (${names}) to that host alone, not to ${app.hostname}`,
      advice: `${customDomain(org)}Serve both on one host behind one reverse proxy (docs/reverse-proxies.md), or set the app's own cookie with login(); in every other case choose OpenID Connect`,
    }
  if (org.protocol === 'https:' && app.protocol === 'http:' && !isLoopback(app.hostname))
    return {
      check,
      level: 'fault',
      message: `Okta's cookie is Secure: browsers do not send it to ${app.origin}`,
      advice: 'Serve the app over https',
    }
  return {
    check,
    level: 'ok',
    message: `The app is on the host of the org: browsers send it the cookies ${names}`,
  }
}

function customDomain({ hostname }: URL): string {
  return /\.okta[a-z-]*\.(?:com|mil)$/.test(hostname) ? 'Give the org a custom domain first. ' : ''
}

/** What the app answers a browser without a cookie; nothing here signs a user out. */
export async function checkApp(
  orgUrl: string,
  app: URL,
  timeoutMs: number,
): Promise<readonly Finding[]> {
  const { answer, durationMs, failure } = await probe(
    app,
    { method: 'GET', headers: { accept: 'text/html', 'sec-fetch-mode': 'navigate' } },
    timeoutMs,
  )
  if (answer === undefined)
    return [
      {
        check: 'app',
        level: 'fault',
        message: `The app did not answer at ${app.origin} (${failure})`,
        advice: 'Check that the app runs, and the proxy in front of it',
      },
    ]
  const findings = [judgeAnswer(answer, durationMs)]
  if (answer.status >= 500) return findings
  return [...findings, judgeReturn(orgUrl, app, answer), ...(await checkPosts(app, timeoutMs))]
}

function judgeAnswer({ status }: HttpAnswer, durationMs: number): Finding {
  const message = `The app answers ${status} in ${durationMs} ms`
  if (status < 500) return { check: 'app', level: 'ok', message }
  const isGateway = status === 502 || status === 504
  return {
    check: 'app',
    level: 'fault',
    message,
    advice: isGateway
      ? 'The proxy does not reach the app: check its upstream, and that the app runs'
      : 'Look at the log of the app: without a cookie no answer depends on Okta',
  }
}

/** The guard redirects to sign in with the address to return to, as the app sees it. */
function judgeReturn(orgUrl: string, app: URL, answer: HttpAnswer): Finding {
  const target = redirectOf(answer, app)
  const from = target?.searchParams.get('fromURI') ?? undefined
  const seen = from === undefined ? undefined : parse(from)
  if (target === undefined || seen === undefined) return unknownReturn(app, target)
  const fault = (message: string, advice: string): Finding => ({
    check: 'proxy',
    level: 'fault',
    message,
    advice,
  })
  if (target.origin !== orgUrl)
    return fault(
      `The app sends visitors to sign in at ${target.origin}, not at ${orgUrl}`,
      'Compare orgUrl of the app with --org',
    )
  if (seen.host !== app.host)
    return fault(
      `The app takes ${seen.host} for its host: sign-in returns there, and its own posts get 403 cross_site`,
      `Set appUrl to "${app.origin}", or let the proxy keep Host`,
    )
  if (seen.protocol !== app.protocol)
    return fault(
      `The app takes ${seen.origin} for its address: sign-in returns to the wrong scheme`,
      `Set appUrl to "${app.origin}", or let the proxy send X-Forwarded-Proto and the app trust it (app.set('trust proxy', ...))`,
    )
  if (seen.pathname !== app.pathname)
    return fault(
      'Sign-in does not return to the path that was asked for: a proxy changes it',
      'Let the proxy keep the path, and mount the routes of the app below it',
    )
  return {
    check: 'proxy',
    level: 'ok',
    message: `The app knows its address: sign-in returns to ${seen.origin}`,
  }
}

function unknownReturn(app: URL, target: URL | undefined): Finding {
  if (target !== undefined && target.host === app.host && target.protocol !== app.protocol)
    return {
      check: 'proxy',
      level: 'warning',
      message: `The app redirects to ${target.origin}`,
      advice: `Give --app the address that browsers use`,
    }
  return {
    check: 'proxy',
    level: 'warning',
    message:
      "The answer is no redirect to Okta's sign-in page: what the app takes for its own address is not known",
    advice: 'Give --app the URL of a page that requires a session',
  }
}

function parse(text: string): URL | undefined {
  try {
    return new URL(text)
  } catch {
    // Not absolute: it says nothing of the address.
    return undefined
  }
}

/** Where the README and the examples mount logout(). */
const SIGN_OUT_PATHS = ['/sign-out', '/logout']

/** Without a cookie, a post of the app's own origin signs no user out; it must not be refused as another site's. */
async function checkPosts(app: URL, timeoutMs: number): Promise<readonly Finding[]> {
  const headers = { origin: app.origin, accept: 'application/json' }
  for (const path of SIGN_OUT_PATHS) {
    const { answer } = await probe(new URL(path, app), { method: 'POST', headers }, timeoutMs)
    if (answer === undefined || answer.status >= 404) continue
    const body = jsonOf(answer)
    const code = isObject(body) ? own(body, 'code') : undefined
    if (answer.status === 403 && code === 'cross_site')
      return [
        {
          check: 'posts',
          level: 'fault',
          message: `A post of the app's own pages to ${path} is refused: 403 cross_site`,
          advice: `Set appUrl to "${app.origin}", or let the proxy keep Host`,
        },
      ]
    if (answer.status === 204)
      return [
        {
          check: 'posts',
          level: 'ok',
          message: `A post of the app's own pages to ${path} is accepted`,
        },
      ]
  }
  return []
}
