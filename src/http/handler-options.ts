/** Checks the options of a handler's factory when the handler is made: all faults in one TypeError. */
import { types } from 'node:util'
import { refuseRequest } from './misuse.js'

/** What an option may be: the words of the fault and the check behind them. */
interface Kind {
  readonly allowed: string
  readonly accepts: (value: unknown) => boolean
}

const kinds = {
  duration: {
    allowed: 'milliseconds, a finite number of at least 0',
    accepts: (value) => typeof value === 'number' && Number.isFinite(value) && value >= 0,
  },
  boolean: { allowed: 'true or false', accepts: (value) => typeof value === 'boolean' },
  function: { allowed: 'a function', accepts: (value) => typeof value === 'function' },
  object: {
    allowed: 'an object',
    accepts: (value) => typeof value === 'object' && value !== null,
  },
  methods: {
    allowed: "a non-empty array of methods such as ['pwd', 'otp']",
    accepts: (value) =>
      !types.isProxy(value) &&
      Array.isArray(value) &&
      value.length > 0 &&
      value.every((method) => typeof method === 'string' && method !== ''),
  },
  path: {
    allowed: "a path on this app, such as '/'",
    accepts: (value) => typeof value === 'string' && /^\/(?![/\\])/.test(value),
  },
} as const satisfies Record<string, Kind>

type KindName = keyof typeof kinds

/** An option whose default opens nothing: handed on as undefined, it counts as left out. */
export interface OrDefault {
  readonly orDefault: KindName
}

export function orDefault(kind: KindName): OrDefault {
  return { orDefault: kind }
}

/** What each option must be. A bare kind refuses undefined: a check that got lost would go unnoticed. */
export type Shape<T> = { readonly [name in keyof Required<T>]: KindName | OrDefault }

/**
 * A frozen copy of the options; `{}` when there are none. Only a plain object is read: a copy of a class
 * instance, a Map or a promise has no keys, and would pass for "no rule".
 */
export function checkedOptions<T extends object>(
  factory: string,
  options: T | undefined,
  shape: Shape<T>,
): Partial<T> {
  if (options === undefined) return {}
  if (typeof options !== 'object' || options === null)
    throw new TypeError(`${factory}(options): an object, not ${printed(options)}`)
  if (types.isProxy(options)) throw notPlain(factory)
  refuseRequest(factory, options)
  if (!isPlain(options)) throw notPlain(factory)
  const copy: Record<string, unknown> = {}
  const faults = Reflect.ownKeys(options)
    .map((key) => readOption(key, options, shape, copy))
    .filter((text) => text !== undefined)
  if (faults.length > 0)
    throw new TypeError(`${factory}() can't be made of these options:\n- ${faults.join('\n- ')}`)
  // Each key of the copy is one of the shape's, and its value has passed that key's check.
  return Object.freeze(copy) as Partial<T>
}

/**
 * The one argument of a guard's factory, where there is one. Undefined that was written down is a fault: `policies.typo` would
 * let everybody in who is signed in.
 */
export function soleArgument<T>(factory: string, given: readonly T[]): T | undefined {
  const [first, ...more] = given
  if (!types.isProxy(first)) refuseRequest(factory, first)
  if (given.length === 1 && first === undefined)
    throw new TypeError(`${factory}(undefined): leave the argument out for no rule`)
  if (more.length > 0) throw new TypeError(`${factory}() takes one argument, not ${given.length}`)
  return first
}

/** Also of another realm (a vm context, a test runner): its Object.prototype holds what ours does. */
function isPlain(options: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(options)
  if (prototype === null || prototype === Object.prototype) return true
  return (
    typeof prototype === 'object' &&
    !types.isProxy(prototype) &&
    Object.getPrototypeOf(prototype) === null &&
    Object.hasOwn(prototype, 'isPrototypeOf') &&
    Reflect.ownKeys(prototype).every((key) => Object.hasOwn(Object.prototype, key))
  )
}

function notPlain(factory: string): TypeError {
  return new TypeError(
    `${factory}(options): a plain object such as { name: value }, not a class instance, a Map, an array, a promise, a proxy or the like`,
  )
}

/** Copies one option, or says what is wrong with it. Getters are not run. */
function readOption(
  key: string | symbol,
  options: object,
  shape: Readonly<Record<string, KindName | OrDefault>>,
  copy: Record<string, unknown>,
): string | undefined {
  const asked = typeof key === 'string' && Object.hasOwn(shape, key) ? shape[key] : undefined
  if (asked === undefined || typeof key === 'symbol') {
    const names = Object.keys(shape)
    return `${printed(key)}: no such option; there ${names.length === 0 ? 'are none' : `are ${names.join(', ')}`}`
  }
  const property = Object.getOwnPropertyDescriptor(options, key)
  if (property === undefined || !property.enumerable || !('value' in property))
    return `${key}: a plain property, not a getter and not a hidden one`
  const value: unknown = snapshot(property.value)
  const kind = kinds[typeof asked === 'string' ? asked : asked.orDefault]
  if (value === undefined && typeof asked === 'object') return undefined
  if (value === undefined)
    return `${key}: is there and undefined; leave it out for no rule, or write ${kind.allowed}`
  if (!kind.accepts(value)) return `${key}: ${kind.allowed}`
  copy[key] = value
  return undefined
}

/** A list as it is now: what the app does to its own array afterwards weakens no guard. */
function snapshot(value: unknown): unknown {
  return !types.isProxy(value) && Array.isArray(value) ? Object.freeze(Array.from(value)) : value
}

/** What can't be turned into text by itself (a symbol) can here. */
function printed(value: unknown): string {
  return typeof value === 'function' ? 'a function' : String(value)
}
