/** Checks the options of a handler when it is made: all faults in one TypeError. */
import { types } from 'node:util'
import { misuse } from '../codes.js'
import { createFaults, type Faults, given, givenSecret } from '../options/faults.js'
import { faultOf, meant, printable, refuseUnknown } from '../options/group.js'
import { type Checked, handlerOptions, type Table } from '../options/table.js'
import type { SessionRule } from '../public-types.js'
import { refuseRequest } from './misuse.js'

type Options = typeof handlerOptions

type Factory = Exclude<keyof Options, 'rule'>

/** The options, frozen, with their defaults. @throws TypeError with every fault in it. */
export function checkedOptions<F extends Factory>(
  factory: F,
  options: object | undefined,
): Checked<Options[F]> {
  const table: Table = handlerOptions[factory]
  const values = Object.entries(table).map(([name, option]) => [name, option.default])
  const checked = { ...Object.fromEntries(values), ...copyOf(factory, options, table) }
  // Each key is one of the table's, and its value is the default or has passed that key's check.
  return Object.freeze(checked) as Checked<Options[F]>
}

/**
 * The rule of a guard, frozen, so that a typing error is a fault at start-up and not an open route.
 * `owner` is the factory that takes the rule. @throws TypeError with every fault in it.
 */
export function checkedRule(owner: string, rule: SessionRule | undefined): SessionRule {
  return Object.freeze(copyOf(owner, rule, handlerOptions.rule))
}

/**
 * Rejects everything but a plain object: a copy of a class instance, a Map or a promise has no keys, and
 * would count as an empty rule.
 */
function copyOf(factory: string, options: unknown, table: Table): Record<string, unknown> {
  if (options === undefined && !Object.values(table).some(({ required }) => required)) return {}
  if (typeof options !== 'object' || options === null)
    throw misuse(
      'EOS310',
      `${factory}(options): must be an object; ${givenSecret(options)}${adviceFor(options, table)}`,
    )
  if (types.isProxy(options)) throw notPlain(factory)
  refuseRequest(factory, options)
  if (!isPlain(options)) throw notPlain(factory)
  const faults = createFaults()
  const copy: Record<string, unknown> = {}
  for (const key of Reflect.ownKeys(options)) {
    const value = readOption(faults, key, options, table)
    if (value !== undefined) copy[String(key)] = value
  }
  for (const [name, { required, allowed }] of Object.entries(table))
    if (required && isMissing(options, name)) faults.add('EOS205', name, 'is missing', allowed)
  faults.throwIfAny(`${factory}()`)
  return copy
}

/** Left out, or undefined: an environment variable that is not set. */
function isMissing(options: object, name: string): boolean {
  const property = Object.getOwnPropertyDescriptor(options, name)
  return property === undefined || ('value' in property && property.value === undefined)
}

/** A check in the place of a rule is a rule without its braces. */
function adviceFor(options: unknown, table: Table): string {
  const isCheck = typeof options === 'function' && table === handlerOptions.rule
  return isCheck ? '; write { allow: (session, req) => ... }' : ''
}

/** One option, or undefined where it is at fault or written as undefined. Getters are not run. */
function readOption(faults: Faults, key: string | symbol, options: object, table: Table): unknown {
  const known = Object.keys(table)
  const option = typeof key === 'string' && Object.hasOwn(table, key) ? table[key] : undefined
  if (option === undefined || typeof key === 'symbol')
    return refuseUnknown(faults, printable(key), meant(String(key), known), known)
  const property = Object.getOwnPropertyDescriptor(options, key)
  if (property === undefined || !property.enumerable || !('value' in property))
    return faults.add('EOS211', key, 'got a getter or a hidden property', 'write a plain property')
  const value: unknown = snapshot(property.value)
  if (option.accepts(value)) return value
  if (value !== undefined)
    return faults.add(
      faultOf(option, value),
      key,
      option.hidden ? givenSecret(value) : given(value),
      option.allowed,
    )
  const advice = `leave it out for no rule (else it ${option.allowed})`
  return option.refusesUndefined && faults.add('EOS211', key, given(value), advice)
}

/** Copies a list: a later change to the app's own array must not weaken a guard. */
function snapshot(value: unknown): unknown {
  return !types.isProxy(value) && Array.isArray(value) ? Object.freeze(Array.from(value)) : value
}

/**
 * The one argument of a guard's factory, if there is one. An argument written as undefined is a fault:
 * `policies.typo` would let every signed-in user through.
 */
export function soleArgument<T>(factory: string, given: readonly T[]): T | undefined {
  const [first, ...more] = given
  if (!types.isProxy(first)) refuseRequest(factory, first)
  if (given.length === 1 && first === undefined)
    throw misuse('EOS308', `${factory}(undefined): leave the argument out for no rule`)
  if (more.length > 0)
    throw misuse('EOS309', `${factory}() takes one argument, not ${given.length}`)
  return first
}

/** Also in another realm (a vm context, a test runner): its Object.prototype has the same members. */
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
  return misuse(
    'EOS310',
    `${factory}(options): must be a plain object such as { name: value }, not a class instance, a Map, an array, a promise, a proxy or the like`,
  )
}
