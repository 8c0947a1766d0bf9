/** A rule that is written down is obeyed or refused when the guard is made: none is read as no rule. */
import { runInNewContext } from 'node:vm'
import type { OktaSession, SessionRule } from 'express-okta-session'
import { describe, expect, it } from 'vitest'
import { startParts } from './door.js'
import { openGuarded } from './guarded-app.js'

class Getters {
  get mfa() {
    return true
  }
}

class Fields {
  mfa = true
}

const hidden = (key: string | symbol, value: unknown) =>
  Object.defineProperty({}, key, { value, enumerable: false })

const policies: Readonly<Record<string, SessionRule['allow']>> = {}

const misread: [string, unknown][] = [
  ['a class instance with getters', new Getters()],
  ['a class instance', new Fields()],
  ['an object with a prototype', Object.create({ mfa: true })],
  [
    'an object whose prototype has none',
    Object.create(Object.assign(Object.create(null), { mfa: true })),
  ],
  ['a Map', new Map([['mfa', true]])],
  ['a Set', new Set(['mfa'])],
  ['an empty array', []],
  ['an array', [{ mfa: true }]],
  ['a promise', Promise.resolve({ mfa: true })],
  ['a date', new Date()],
  ['a regular expression', /mfa/],
  ['an error', new Error('mfa')],
  ['bytes', Buffer.alloc(0)],
  ['a boxed text', new String('')],
  ['a function', () => true],
  ['a text', 'mfa'],
  ['null', null],
  ['a hidden key', hidden('mfa', true)],
  ['a symbol key', { [Symbol('mfa')]: true }],
  ['a hidden symbol key', hidden(Symbol('mfa'), true)],
  [
    'a getter',
    {
      get mfa() {
        return true
      },
    },
  ],
  ['a setter', { set mfa(_: boolean) {} }],
  ['a proxy', new Proxy({ mfa: true }, {})],
  ['a proxy that shows nothing', new Proxy({ mfa: true }, { ownKeys: () => [] })],
  ['a proxy that was revoked', revoked()],
  ['mfa of undefined', { mfa: undefined }],
  ['amr of undefined', { amr: undefined }],
  ['signedInWithinMs of undefined', { signedInWithinMs: undefined }],
  ['maxStalenessMs of undefined', { maxStalenessMs: undefined }],
  ['a policy whose name is wrong', { allow: policies.typo }],
  ['a list that is a proxy', { amr: new Proxy(['mfa'], {}) }],
  ['a list with a hole', { amr: new Array(1) }],
]

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

const guards: [string, (okta: OktaSession, rule: never) => unknown][] = [
  ['requireSession', (okta, rule) => okta.requireSession(rule)],
  ['forwardAuth', (okta, rule) => okta.forwardAuth({ rule })],
]

describe.each(guards)('%s', (name, guard) => {
  it.each(misread)('a rule that would read as no rule is refused: %s', async (_, rule) => {
    const { okta } = await startParts()
    expect(() => guard(okta, rule as never)).toThrow(TypeError)
    expect(() => guard(okta, rule as never)).toThrow(new RegExp(`^${name}\\(`))
  })

  it('a guard says to leave out a key whose value is undefined', async () => {
    const { okta } = await startParts()
    expect(() => guard(okta, { mfa: undefined, allow: policies.typo } as never)).toThrow(
      / {2}mfa: .*undefined; leave it out for no rule.*\n {2}allow: .*undefined; leave it out for no rule/,
    )
  })

  it('a guard takes a rule without a prototype, and one of another realm', async () => {
    const { okta } = await startParts()
    const bare = Object.assign(Object.create(null), { mfa: true })
    expect(guard(okta, bare as never)).toBeTypeOf('function')
    const foreign = runInNewContext('({ mfa: true, amr: ["pwd"] })')
    expect(guard(okta, foreign as never)).toBeTypeOf('function')
    expect(() => guard(okta, runInNewContext('({ mfaa: true })') as never)).toThrow(/mfaa: no such/)
    expect(() => guard(okta, runInNewContext('new Map()') as never)).toThrow(TypeError)
  })
})

it('a rule does not change when the app changes its objects afterwards', async () => {
  const rule = { amr: ['hwk'] }
  const { org, visit } = await openGuarded({ rule })
  rule.amr.length = 0
  const { body } = await visit.script(org.signIn('alice@example.com')).expect(403)
  expect(body.code).toBe('mfa_required')
})

it('requireSession() takes one argument or none, and refuses undefined', async () => {
  const { okta } = await startParts()
  const rules: Readonly<Record<string, never>> = {}
  for (const make of [okta.requireSession, okta.forwardAuth] as ((
    ...given: unknown[]
  ) => unknown)[]) {
    expect(() => make(rules.typo)).toThrow(/leave the argument out for no rule/)
    expect(() => make({}, { mfa: true })).toThrow(/takes one argument, not 2/)
    expect(make({})).toBeTypeOf('function')
    expect(make()).toBeTypeOf('function')
  }
})

it('a handler refuses options it would ignore', async () => {
  const { okta } = await startParts()
  const makers = {
    attachSession: okta.attachSession,
    login: okta.login,
    logout: okta.logout,
    refresh: okta.refresh,
    refreshOnActivity: okta.refreshOnActivity,
    sessionInfo: okta.sessionInfo,
    forwardAuth: okta.forwardAuth,
  } as Readonly<Record<string, (options: unknown) => unknown>>
  for (const [name, make] of Object.entries(makers))
    for (const options of [new Getters(), new Map(), [], Promise.resolve(), { [Symbol('x')]: 1 }])
      expect(() => make(options), name).toThrow(new RegExp(`^${name}\\(`))
  expect(() => okta.refreshOnActivity({ counts: undefined } as never)).toThrow(
    /counts: .*undefined/,
  )
  expect(() => okta.sessionInfo({ maxStalenessMs: undefined } as never)).toThrow(/undefined/)
  expect(() => okta.forwardAuth({ rule: undefined } as never)).toThrow(/rule: .*undefined/)
})

it('an option whose default permits nothing may be undefined', async () => {
  const { okta } = await startParts()
  expect(okta.logout({ returnTo: undefined })).toBeTypeOf('function')
  expect(okta.refresh({ everyMs: undefined })).toBeTypeOf('function')
  expect(okta.forwardAuth({ redirect: undefined })).toBeTypeOf('function')
})
