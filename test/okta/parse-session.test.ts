import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isDateTime, parseSession, parseSessionWithSecretId } from '../../src/okta/parse-session.js'
import { SESSION } from './answers.js'

describe('a session', () => {
  it('a session keeps the known fields as they came and drops the rest', () => {
    const { _links, ...known } = SESSION
    expect(parseSession({ ...SESSION, later: 1 })).toEqual(known)
  })

  it('a session needs only the required fields; amr is then empty', () => {
    const { id, login, userId, status, expiresAt } = SESSION
    const bare = { id, login, userId, status, expiresAt }
    expect(parseSession(bare)).toEqual({ ...bare, amr: [] })
  })

  it('a session is deeply frozen', () => {
    const session = parseSession(SESSION)
    for (const part of [session, session?.amr, session?.idp])
      expect(Object.isFrozen(part)).toBe(true)
  })

  it('a session keeps a status this package does not know', () => {
    expect(parseSession({ ...SESSION, status: 'PASSWORD_WARN' })?.status).toBe('PASSWORD_WARN')
  })

  const oddities = [undefined, null, '', 0, 1, true, [], {}, ['ACTIVE'], { value: 'ACTIVE' }]
  const required = ['id', 'login', 'userId', 'status', 'expiresAt'] as const
  it.each(required)('an object without a %s that is a non-empty string is no session', (field) => {
    for (const value of oddities)
      expect(parseSession({ ...SESSION, [field]: value }), inspect(value)).toBeUndefined()
  })

  const optional = [
    'createdAt',
    'lastPasswordVerification',
    'lastFactorVerification',
    'idp',
    'mfaActive',
  ] as const
  it.each(optional)('a session leaves out a %s that is not of its type', (field) => {
    for (const value of ['yes', 7, ['pwd'], '2026-02-30T00:00:00Z']) {
      const session = parseSession({ ...SESSION, [field]: value })
      expect(session?.id).toBe(SESSION.id)
      expect(session, inspect(value)).not.toHaveProperty(field)
    }
  })

  it('a session accepts null for the two verification dates only', () => {
    const nulls = { createdAt: null, lastPasswordVerification: null, lastFactorVerification: null }
    const session = parseSession({ ...SESSION, ...nulls, idp: null, mfaActive: null, amr: null })
    expect(session).toMatchObject({ lastPasswordVerification: null, lastFactorVerification: null })
    for (const field of ['createdAt', 'idp', 'mfaActive']) expect(session).not.toHaveProperty(field)
    expect(session?.amr).toEqual([])
  })

  it('a session reads amr as the strings in an array, and nothing else', () => {
    const amrOf = (amr: unknown) => parseSession({ ...SESSION, amr })?.amr
    expect(amrOf(['pwd', 5, null, ['mfa'], { 0: 'mfa' }, ''])).toEqual(['pwd'])
    expect(amrOf('mfa')).toEqual([])
    expect(amrOf({ 0: 'mfa', length: 1 })).toEqual([])
  })

  it('a session reads of idp the strings', () => {
    expect(parseSession({ ...SESSION, idp: { id: 1, type: 'LDAP', more: 2 } })?.idp).toEqual({
      type: 'LDAP',
    })
  })

  it('a session takes nothing from a prototype, in the JSON or tampered with', () => {
    const { status, ...rest } = SESSION
    const text = JSON.stringify(rest).replace('{', '{"__proto__":{"status":"ACTIVE"},')
    expect(parseSession(JSON.parse(text))).toBeUndefined()
    expect(parseSession(Object.assign(Object.create({ status }), rest))).toBeUndefined()
    const whole = parseSession(
      JSON.parse(JSON.stringify(SESSION).replace('{', '{"constructor":1,"__proto__":{"a":1},')),
    )
    expect(Object.getPrototypeOf(whole)).toBe(Object.prototype)
    expect(whole).not.toHaveProperty('a')
    expect(Object.hasOwn(whole ?? {}, 'constructor')).toBe(false)
  })

  it('no other value is a session, and none makes parsing throw', () => {
    for (const body of [null, undefined, 1, 'text', true, [], [SESSION], {}])
      expect(parseSession(body)).toBeUndefined()
    fc.assert(fc.property(fc.jsonValue(), (body) => parseSession(body) === undefined))
  })
})

describe('a session whose id is a credential', () => {
  const session = parseSessionWithSecretId({ ...SESSION, id: '102secretsidvalue' })

  it('a session whose id is a credential hides it from inspection', () => {
    for (const options of [{}, { depth: Infinity, showHidden: true, compact: false }])
      expect(inspect({ deep: { session } }, options)).not.toContain('102secretsidvalue')
    expect(inspect(session)).toContain('user@example.com')
  })

  it('a session whose id is a credential stays a frozen plain object that is whole in JSON', () => {
    expect(session?.id).toBe('102secretsidvalue')
    expect(JSON.parse(JSON.stringify(session))).toMatchObject({ id: '102secretsidvalue' })
    expect(Object.keys(session ?? {})).toEqual(Object.keys(parseSession(SESSION) ?? {}))
    expect(Object.isFrozen(session)).toBe(true)
    expect(Object.getPrototypeOf(session)).toBe(Object.prototype)
  })
})

describe('dates', () => {
  it.each([
    '2026-11-24T10:00:00.000Z',
    '2026-11-24T10:00:00Z',
    '2026-11-24T10:00:00.123456789Z',
    '2026-11-24T10:00:00+05:30',
    '2026-11-24T10:00:00-00:00',
    '2024-02-29T23:59:59Z',
    '2000-02-29T00:00:00Z',
  ])('a date is accepted: %s', (date) => {
    expect(isDateTime(date)).toBe(true)
    expect(Date.parse(date)).not.toBeNaN()
  })

  it.each([
    '',
    '0',
    '1',
    '2026',
    '2026-11-24',
    '2026-11-24T10:00',
    '2026-11-24T10:00:00',
    '2026-11-24 10:00:00Z',
    '2026-11-24t10:00:00z',
    '2026-13-24T10:00:00Z',
    '2026-00-24T10:00:00Z',
    '2026-11-00T10:00:00Z',
    '2026-11-31T10:00:00Z',
    '2026-02-29T10:00:00Z',
    '1900-02-29T10:00:00Z',
    '2026-02-30T10:00:00Z',
    '2026-11-24T24:00:00Z',
    '2026-11-24T10:60:00Z',
    '2026-11-24T23:59:60Z',
    '2026-11-24T10:00:00+24:00',
    '2026-11-24T10:00:00+05:60',
    '2026-11-24T10:00:00+0530',
    '2026-11-24T10:00:00.Z',
    '2026-11-24T10:00:00,5Z',
    '+002026-11-24T10:00:00Z',
    '12026-11-24T10:00:00Z',
    ' 2026-11-24T10:00:00Z',
    '2026-11-24T10:00:00Z\n',
    'Tue, 24 Nov 2026 10:00:00 GMT',
    '٢٠٢٦-11-24T10:00:00Z',
  ])('a date is refused: %j', (date) => {
    expect(isDateTime(date)).toBe(false)
  })

  it('a date that is no string is refused', () => {
    for (const date of [null, undefined, 1_795_000_000_000, new Date(), ['2026-11-24T10:00:00Z']])
      expect(isDateTime(date)).toBe(false)
  })
})
