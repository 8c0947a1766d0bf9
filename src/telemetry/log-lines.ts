/** Writes the log lines, in the form that the app's logger takes, and the debug lines that `DEBUG` enables. */
import { subscribe } from 'node:diagnostics_channel'
import { inspect } from 'node:util'
import createDebug from 'debug'
import { channels } from '../channels.js'
import { coded, type LineCode } from '../codes.js'
import type { Log, Logger } from '../contracts.js'

type Fields = Readonly<Record<string, unknown>>

/** How pino is called. Its types allow the other order too, and drop the fields then. */
interface FieldsFirstLogger {
  warn(fields: Fields, message: string): unknown
  info(fields: Fields, message: string): unknown
}

/** Over the app's logger: each line has its code and the org, and a line that cannot be written fails no request. */
export function createLog(logger: Logger | undefined, org: string): Log | undefined {
  return logger && { warn: write(logger, 'warn'), info: write(logger, 'info') }

  function write(to: Logger, level: 'warn' | 'info') {
    return async (code: LineCode, message: string, fields?: Fields) => {
      try {
        await writeLine(to, level, coded(code, message), { org, event: code, ...fields })
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

let hasBegun = false

/**
 * Writes a line for each message of the channels that `DEBUG=express-okta-session:*` enables. Subscribes
 * once per process, and to no other channel: publishing to a channel without a subscriber costs nothing.
 */
export function beginDebugLines(): void {
  if (hasBegun) return
  hasBegun = true
  for (const name of Object.values(channels)) {
    const line = createDebug(name)
    if (!line.enabled) continue
    const isTracing = name === channels.lookup || name === channels.storeCommand
    subscribe(isTracing ? `tracing:${name}:asyncEnd` : name, (message) => line('%o', message))
  }
}
