/** check(), authenticate() and session(), which an app calls with a request, in any framework. */
import { misuse } from '../codes.js'
import type { Decision, Denial, RequestLike, SessionRule } from '../public-types.js'
import { plainContext } from '../session/contexts.js'
import { type Decided, Guard, settle } from './decide.js'
import { checkedRule } from './handler-options.js'
import type { Kit } from './kit.js'
import { missingGuard, refuseCapitals, refuseResponse } from './misuse.js'
import { PRIVATE } from './reply.js'
import { endRedirects } from './sign-in-loop.js'

/** check(): returns the guard's decision as data. */
export function createCheck(kit: Kit) {
  const { authenticator, oktaNow, monotonic, verdicts, ownLookups, denials, cookies } = kit
  // Requests of other frameworks get no property.
  const unattached = { current: () => undefined, stands: verdicts.stands, put() {} }
  const parts = { authenticator, oktaNow, monotonic, ownLookups, verdicts: unattached }
  const noRule = new Guard(parts, {})
  /** A rule object is checked on its first use, and again after a change. */
  const guards = new WeakMap<SessionRule, { readonly rule: SessionRule; readonly guard: Guard }>()

  return function check(
    req: RequestLike,
    ...given: [] | [rule: SessionRule]
  ): Decision | Promise<Decision> {
    refuseCapitals(req)
    const guard = given.length === 0 ? noRule : guardFor(given[0])
    const decided = guard.decide(req)
    return decided instanceof Promise
      ? settle(guard, req, decided).then((settled) => decisionOf(settled, req))
      : decisionOf(decided, req)
  }

  function guardFor(rule: SessionRule): Guard {
    if (rule === undefined)
      throw misuse('EOS308', 'check(req, undefined): leave the rule out for no rule')
    const made = guards.get(rule)
    if (made !== undefined && isUnchanged(rule, made.rule)) return made.guard
    const checked = checkedRule('check', rule)
    const guard = new Guard(parts, checked)
    guards.set(rule, { rule: checked, guard })
    return guard
  }

  function decisionOf(decided: Decided, req: RequestLike): Decision | Promise<Decision> {
    if (decided.state === 'denied') {
      const denial = denials.describe(decided, req)
      return denial instanceof Promise
        ? denial.then((described) => refusal(described, req))
        : refusal(denial, req)
    }
    const { session, source, askedAt } = decided
    const lines = source === 'okta' ? endRedirects(req, cookies.secure) : []
    return {
      ok: true,
      session,
      context: Object.freeze({ state: 'active', session, source, askedAt }),
      headers: lines.length === 0 ? PRIVATE : { ...PRIVATE, 'set-cookie': lines },
    }
  }

  function refusal(denial: Denial, req: RequestLike): Decision {
    return { ok: false, denial, reply: denials.reply(denial, req) }
  }
}

/** Whether the app has not changed its rule object since the rule was checked. */
function isUnchanged(rule: SessionRule, checked: SessionRule): boolean {
  const keys = Reflect.ownKeys(rule)
  return (
    keys.length === Reflect.ownKeys(checked).length &&
    keys.every((key) => isSame(Reflect.get(rule, key), Reflect.get(checked, key)))
  )
}

function isSame(now: unknown, before: unknown): boolean {
  if (!Array.isArray(now) || !Array.isArray(before)) return now === before
  return now.length === before.length && now.every((item, index) => item === before[index])
}

export function createAuthenticate({ authenticator }: Kit) {
  return function authenticate(
    req: RequestLike,
    options?: { readonly signal?: AbortSignal | undefined },
  ) {
    // Thrown, not rejected: a handler mounted by mistake has no caller that awaits it.
    refuseResponse(options)
    return contextOf(req, options?.signal)
  }

  async function contextOf(req: RequestLike, signal: AbortSignal | undefined) {
    refuseCapitals(req)
    return plainContext(await authenticator.find(req, signal && { signal }))
  }
}

/** session(): returns the session that a guard let through. */
export function createSessionOf({ verdicts }: Kit) {
  return function session(req: object) {
    const guarded = verdicts.guarded(req)
    if (guarded === undefined) throw missingGuard(verdicts.property)
    return guarded
  }
}
