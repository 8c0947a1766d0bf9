import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSealer } from '../../src/redis/seal.js'

const ORG = 'https://id.example.com'
const OLD = 'the previous secret, of more than 32 bytes'
const NEW = 'the current secret, of more than 32 bytes'
const KEY = 'app:{c:name}:entry 1700000000000'

const text = fc.string({ unit: 'binary', maxLength: 300 })
const pair = { purpose: text, boundTo: text }

describe('a sealed value', () => {
  it('opens with the same purpose and key, whatever it holds', () => {
    const sealer = createSealer([NEW], ORG)
    fc.assert(
      fc.property(fc.record({ ...pair, text }), ({ purpose, boundTo, text }) => {
        const sealed = sealer.seal(purpose, boundTo, text)
        expect(sealed).toMatch(/^[\w-]{8}\.[\w-]{38,}$/)
        expect(sealer.open(purpose, boundTo, sealed)).toBe(text)
      }),
    )
  })

  it('does not open when one bit of it is flipped', () => {
    const sealer = createSealer([NEW], ORG)
    const flip = fc.record({ text, at: fc.nat(), bit: fc.integer({ min: 0, max: 6 }) })
    fc.assert(
      fc.property(flip, ({ text, at, bit }) => {
        const sealed = Buffer.from(sealer.seal('entry', KEY, text))
        const index = at % sealed.length
        sealed[index] = (sealed[index] ?? 0) ^ (1 << bit)
        expect(sealer.open('entry', KEY, sealed.toString('latin1'))).toBeUndefined()
      }),
      { numRuns: 500 },
    )
  })

  it('does not open when it is cut anywhere, or followed by anything', () => {
    const sealer = createSealer([NEW], ORG)
    const sealed = sealer.seal('entry', KEY, 'text')
    for (let length = 0; length < sealed.length; length += 1)
      expect(sealer.open('entry', KEY, sealed.slice(0, length))).toBeUndefined()
    for (const end of ['A', '=', ' ', '\n', '.', '.A'])
      expect(sealer.open('entry', KEY, sealed + end)).toBeUndefined()
  })

  it('does not open under another purpose or key, nor where their border is moved', () => {
    const sealer = createSealer([NEW], ORG)
    fc.assert(
      fc.property(fc.record(pair), fc.record(pair), (one, other) => {
        fc.pre(one.purpose !== other.purpose || one.boundTo !== other.boundTo)
        const sealed = sealer.seal(one.purpose, one.boundTo, 'text')
        expect(sealer.open(other.purpose, other.boundTo, sealed)).toBeUndefined()
      }),
    )
    expect(sealer.open('entryk', 'ey', sealer.seal('entry', 'key', 'text'))).toBeUndefined()
  })

  it('does not open for another org or under another secret', () => {
    const sealed = createSealer([NEW], ORG).seal('entry', KEY, 'text')
    expect(createSealer([NEW], 'https://other.example.com').open('entry', KEY, sealed)).toBe(
      undefined,
    )
    expect(createSealer([OLD], ORG).open('entry', KEY, sealed)).toBeUndefined()
    const [keyId = ''] = createSealer([OLD], ORG).keyIds
    const renamed = `${keyId}${sealed.slice(sealed.indexOf('.'))}`
    expect(createSealer([OLD], ORG).open('entry', KEY, renamed)).toBeUndefined()
  })

  it('is different each time', () => {
    const sealer = createSealer([NEW], ORG)
    const all = Array.from({ length: 100 }, () => sealer.seal('entry', KEY, 'text'))
    expect(new Set(all).size).toBe(100)
  })

  it.each(['', '.', 'x', 'AAAAAAAA.', 'AAAAAAAA.AAAA', '__proto__.AAAA', 'constructor', '\0'])(
    'that is %j does not open, and does not throw',
    (junk) => {
      expect(createSealer([NEW], ORG).open('entry', KEY, junk)).toBeUndefined()
    },
  )
})

describe('while the secret is replaced', () => {
  it('the current secret seals, and both open', () => {
    const before = createSealer([OLD], ORG)
    const during = createSealer([NEW, OLD], ORG)
    const after = createSealer([NEW], ORG)
    expect(during.open('entry', KEY, before.seal('entry', KEY, 'text'))).toBe('text')
    const sealed = during.seal('entry', KEY, 'text')
    expect(after.open('entry', KEY, sealed)).toBe('text')
    expect(before.open('entry', KEY, sealed)).toBeUndefined()
  })

  it('a value sealed for all opens with either secret, by its key id', () => {
    const all = createSealer([NEW, OLD], ORG).sealForAll('record', KEY, 'text')
    expect(all.size).toBe(2)
    for (const secret of [NEW, OLD]) {
      const sealer = createSealer([secret], ORG)
      const [keyId = ''] = sealer.keyIds
      expect(sealer.open('record', KEY, all.get(keyId) ?? '')).toBe('text')
    }
  })
})

it('there is no sealer without a secret', () => {
  expect(() => createSealer([], ORG)).toThrow(TypeError)
})
