/** Reports an app's mistakes, such as wrongly mounted handlers, with the line to write instead. */
import { misuse, type ProblemCode } from '../codes.js'
import type { Log } from '../contracts.js'
import type { RequestLike } from '../public-types.js'

/** A factory handed to app.use() itself is called with the request as its option. */
export function refuseRequest(factory: string, option: unknown): void {
  if (isRequest(option))
    throw misuse(
      'EOS301',
      `okta.${factory} was mounted itself; it makes a handler: write okta.${factory}() with the parentheses`,
    )
}

/** The same for oktaSession itself, which returns an object with factories and is no handler. */
export function refuseToBeMounted(option: unknown): void {
  if (isRequest(option))
    throw misuse(
      'EOS302',
      'oktaSession was mounted itself; call it once, at start: write const okta = oktaSession({ orgUrl }) and app.use(okta.attachSession())',
    )
}

/** authenticate() returns a context and answers no request: mounted as a handler, it would leave requests hanging. */
export function refuseResponse(option: unknown): void {
  if (typeof option === 'object' && option !== null && 'setHeader' in option)
    throw misuse(
      'EOS303',
      'okta.authenticate was mounted as a handler; mount okta.attachSession() or okta.requireSession(), or write await okta.authenticate(req)',
    )
}

function isRequest(option: unknown): boolean {
  return typeof option === 'object' && option !== null && 'headers' in option && 'method' in option
}

/** The error of session(req) when no guard ran. */
export function missingGuard(property: string): TypeError {
  return misuse(
    'EOS304',
    `okta.session(req) has no session to return: put okta.requireSession() in front of this handler, or read req.${property} and look at its state`,
  )
}

/** Returns a function that calls `say` on its first call only. */
export function once<T extends readonly unknown[]>(
  say: (...about: T) => void,
): (...about: T) => void {
  let said = false
  return (...about) => {
    if (said) return
    said = true
    say(...about)
  }
}

/** A mistake of the app's or a client's developer; `detail` says how to correct it. */
export interface Misuse {
  readonly code: ProblemCode
  readonly detail: string
}

/** Logs the first of each kind: clients can repeat them. */
export function createMisuseLog(logger: Log | undefined) {
  const logged = new Set<string>()
  return function logMisuse({ code, detail }: Misuse, fields: Readonly<Record<string, unknown>>) {
    if (logged.has(detail)) return
    logged.add(detail)
    logger?.warn('EOS133', `A request was refused with ${code}: ${detail}`, fields)
  }
}

/** Node's header names are in lower case; a gateway's own record may have a `Cookie`, which would read as no cookie. */
export function refuseCapitals(req: RequestLike | undefined): void {
  const headers = req?.headers
  if (typeof headers !== 'object' || headers === null || typeof headers.get === 'function') return
  if (Object.keys(headers).some((name) => name !== 'cookie' && name.toLowerCase() === 'cookie'))
    throw misuse(
      'EOS305',
      'this request has headers with a `Cookie` in capitals; give them with names in lower case, or as new Headers(headers)',
    )
}

/** Exactly one of the two: a target without an id would revoke nothing, silently. */
export function checkedTarget(target: {
  readonly sessionId?: string | undefined
  readonly userId?: string | undefined
}): { readonly sessionId: string } | { readonly userId: string } {
  const { sessionId, userId } = target ?? {}
  if (isId(sessionId) && userId === undefined) return { sessionId }
  if (isId(userId) && sessionId === undefined) return { userId }
  throw misuse(
    'EOS307',
    'forget(target): exactly one of { sessionId } and { userId }, a non-empty string',
  )
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
