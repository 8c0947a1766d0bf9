import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { OktaApiError, OktaUnavailableError } from '../../src/errors.js'

const operation = 'getSession'

describe('an error', () => {
  it.each([
    new OktaApiError('getSession: 502', { operation, status: 502, errorCode: undefined }),
    new OktaUnavailableError('getSession: dns', {
      operation,
      code: 'dns',
      retryable: true,
      retryAfterMs: undefined,
    }),
  ])('an error has no property for what is not known of it: $name', (error) => {
    const names = Object.getOwnPropertyNames(error)
    expect(names.filter((name) => Reflect.get(error, name) === undefined)).toEqual([])
    expect(inspect(error)).not.toContain('undefined')
  })

  it('an error shows what is known of it', () => {
    const known = {
      operation,
      status: 429,
      errorCode: 'E0000047',
      errorSummary: 'Too many.',
      errorLink: 'E0000047',
      errorId: 'oae1',
      errorCauses: [{ errorSummary: 'A cause.' }],
      requestId: 'abc',
      rateLimit: { limit: 1, remaining: 0, resetAt: 0 },
      challenge: { error: 'insufficient_scope' },
    } as const
    const apiError = new OktaApiError('getSession: 429', known)
    expect({ ...apiError }).toMatchObject(known)
    const cause = new Error('lookup failed')
    const silence = { operation, code: 'dns', retryable: true, retryAfterMs: 5, cause } as const
    expect(new OktaUnavailableError('getSession: dns', silence)).toMatchObject(silence)
  })
})
