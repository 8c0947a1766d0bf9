/** Okta as this machine reaches it: the call without a cookie, the certificate, and the session of a cookie where one is given. */
import { once } from 'node:events'
import { connect } from 'node:tls'
import type { CookieKind } from '../../contracts.js'
import type { RateLimit } from '../../errors.js'
import { systemClock } from '../../okta/call.js'
import { findingsOf, probeOrg } from '../../okta/health.js'
import type { Operations } from '../../okta/operations.js'
import type { Finding, Session } from '../../public-types.js'

export interface OrgChecked {
  readonly findings: readonly Finding[]
  /** Whether further calls can tell anything. */
  readonly isUsable: boolean
  readonly rateLimit: RateLimit | undefined
}

export async function checkOrg(operations: Operations): Promise<OrgChecked> {
  const call = () => probeOrg(() => operations.getCurrentSession(), systemClock)
  const first = await call()
  // The second call has a connection, as those of an app that runs: its time is the one to judge.
  const probe = first.answer.kind === 'unavailable' ? first : await call()
  const findings = findingsOf(probe)
  const rateLimit = probe.answer.head?.rateLimit
  return {
    findings,
    isUsable: probe.answer.kind !== 'unavailable',
    // Okta's limit of simultaneous requests says 0.
    rateLimit: rateLimit !== undefined && rateLimit.limit > 0 ? rateLimit : undefined,
  }
}

const DAY_MS = 86_400_000
const RENEW_DAYS = 14

/** The certificate of an https org that is trusted already. */
export async function checkCertificate(orgUrl: string, timeoutMs: number): Promise<Finding> {
  const check = 'tls'
  const { protocol, hostname, port } = new URL(orgUrl)
  if (protocol === 'http:')
    return { check, level: 'ok', message: 'The org is on http: a local org, without TLS' }
  const host = hostname.replace(/^\[|\]$/g, '')
  const socket = connect({ host, port: Number(port || 443), servername: host, timeout: timeoutMs })
  try {
    socket.once('timeout', () => socket.destroy(new Error('timeout')))
    await once(socket, 'secureConnect')
    const days = Math.floor(
      (Date.parse(socket.getPeerCertificate().valid_to) - Date.now()) / DAY_MS,
    )
    const message = `${socket.getProtocol()}, and a certificate that ends in ${days.toLocaleString('en-US')} days`
    if (days >= RENEW_DAYS) return { check, level: 'ok', message }
    const advice = 'Renew the certificate: after its end no session can be looked up'
    return { check, level: 'warning', message, advice }
  } catch {
    // A call has just succeeded, perhaps through a proxy that this connection does not use.
    const message = 'The certificate could not be read on a direct connection'
    return { check, level: 'warning', message, advice: 'Look at its end yourself' }
  } finally {
    socket.destroy()
  }
}

/** Looks up the user's cookie. What it finds names no user. */
export async function checkSession(
  operations: Operations,
  cookie: string,
  cookieNames: readonly CookieKind[],
): Promise<Finding> {
  const check = 'session'
  const name = cookie.startsWith('idx=') ? 'idx' : 'sid'
  const { answer } = await operations.getCurrentSession(cookie)
  if (answer.kind === 'no')
    return {
      check,
      level: 'warning',
      message: `Okta knows no session for the ${name} cookie of OKTA_COOKIE`,
      advice:
        'It has ended, or belongs to another org. Identity Engine signs browsers in with idx, Classic with sid: copy the cookie of this host from a browser that is signed in',
    }
  if (answer.kind === 'unavailable')
    return {
      check,
      level: 'fault',
      message: `The lookup of OKTA_COOKIE has no usable answer: ${answer.code}`,
      advice:
        'Something between this machine and Okta changes answers, or refuses calls with a cookie: look at the proxies in front of Okta',
    }
  if (!cookieNames.includes(name))
    return {
      check,
      level: 'fault',
      message: `The ${name} cookie has a session, and the app reads ${cookieNames.join(', ')} alone`,
      advice: `Add '${name}' to the option cookies`,
    }
  return judgeSession(name, answer.value)
}

function judgeSession(name: CookieKind, { status, expiresAt }: Session): Finding {
  const minutes = Math.round((Date.parse(expiresAt) - Date.now()) / 60_000)
  const message = `The ${name} cookie has a session: ${status}, for ${minutes} minutes more`
  if (status === 'ACTIVE') return { check: 'session', level: 'ok', message }
  const advice = 'Finish the sign-in: only an ACTIVE session passes a guard'
  return { check: 'session', level: 'warning', message, advice }
}
