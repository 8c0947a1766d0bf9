/** Checks the options of a handler's factory when the handler is made: all faults in one TypeError. */
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
      Array.isArray(value) &&
      value.length > 0 &&
      value.every((method) => typeof method === 'string' && method !== ''),
  },
  path: {
    allowed: "a path on this app, such as '/'",
    accepts: (value) => typeof value === 'string' && /^\/(?![/\\])/.test(value),
  },
} as const satisfies Record<string, Kind>

/** The options, when they are an object with nothing but what `shape` names; `{}` when there are none. */
export function checkedOptions<T extends object>(
  factory: string,
  options: T | undefined,
  shape: { readonly [name in keyof Required<T>]: keyof typeof kinds },
): Partial<T> {
  refuseRequest(factory, options)
  if (options === undefined) return {}
  if (typeof options !== 'object' || options === null)
    throw new TypeError(`${factory}(options): an object, not ${String(options)}`)
  const faults = Object.entries(options)
    .map(([name, value]) => fault(name, value, shape))
    .filter((text) => text !== undefined)
  if (faults.length > 0)
    throw new TypeError(`${factory}() can't be made of these options:\n- ${faults.join('\n- ')}`)
  return Object.freeze({ ...options })
}

function fault(
  name: string,
  value: unknown,
  shape: Readonly<Record<string, keyof typeof kinds>>,
): string | undefined {
  const kind = Object.hasOwn(shape, name) ? shape[name] : undefined
  if (kind === undefined)
    return `${name}: no such option; there are ${Object.keys(shape).join(', ')}`
  if (value === undefined || kinds[kind].accepts(value)) return undefined
  return `${name}: ${kinds[kind].allowed}`
}
