/** Reads the arguments of `npm start`. */
import { parseArgs } from 'node:util'

/**
 * Returns how many instances to start, or undefined for the example as one process.
 *
 * @param {string[]} args
 * @throws RangeError with one line that says what to write instead.
 */
export function readInstances(args) {
  const { instances } = parse(args)
  if (instances === undefined) return undefined
  if (!/^[2-8]$/.test(instances))
    throw new RangeError(`--instances is a whole number from 2 to 8, not "${instances}".`)
  return Number(instances)
}

/** @param {string[]} args */
function parse(args) {
  try {
    return parseArgs({ args, options: { instances: { type: 'string' } } }).values
  } catch {
    throw new RangeError(
      `The example has one option, npm start -- --instances 2, and cannot read "${args.join(' ')}".`,
    )
  }
}
