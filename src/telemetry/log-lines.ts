/** Writes log lines in the form that the app's logger takes, and drops the errors it throws. */
import { inspect } from 'node:util'
import type { Logger } from '../contracts.js'

type Fields = Readonly<Record<string, unknown>>

/** How pino is called. Its types allow the other order too, and drop the fields then. */
interface FieldsFirstLogger {
  warn(fields: Fields, message: string): unknown
  info(fields: Fields, message: string): unknown
}

/** The same logger: each line names the org as well, and a line that cannot be written fails no request. */
export function createLog(logger: Logger | undefined, org: string): Logger | undefined {
  return logger && { warn: write(logger, 'warn'), info: write(logger, 'info') }

  function write(to: Logger, level: 'warn' | 'info') {
    return async (message: string, fields?: Fields) => {
      try {
        await writeLine(to, level, message, { org, ...fields })
      } catch {
        // The logger is where errors are reported: its own go nowhere.
      }
    }
  }
}

function writeLine(
  logger: Logger,
  level: 'warn' | 'info',
  message: string,
  fields: Fields,
): unknown {
  // The console would spread an object over several lines.
  if (logger === console) return console[level](`${message} ${inspect(fields, ONE_LINE)}`)
  return takesFieldsFirst(logger)
    ? logger[level](fields, message)
    : logger[level]?.(message, fields)
}

const ONE_LINE = { breakLength: Number.POSITIVE_INFINITY, compact: true } as const

/** pino, its children, and loggers built on it such as Fastify's. */
function takesFieldsFirst(logger: object): logger is FieldsFirstLogger {
  return ['bindings', 'child'].every((name) => typeof Reflect.get(logger, name) === 'function')
}
