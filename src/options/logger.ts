/** A logger that never throws: a line that can't be written must not fail the request that logs it. */
import type { Logger } from '../contracts.js'

/** The same log, without its errors. */
export function unfailing(logger: Logger | undefined): Logger | undefined {
  if (logger === undefined) return undefined
  return {
    warn: (message, fields) => attempt(() => logger.warn(message, fields)),
    info: (message, fields) => attempt(() => logger.info?.(message, fields)),
  }
}

function attempt(write: () => unknown): void {
  try {
    const written = write()
    // There is nowhere left to say so.
    if (written instanceof Promise) written.catch(() => {})
  } catch {
    // Nor here.
  }
}
