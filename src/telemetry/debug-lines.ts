/** Debug lines for `DEBUG=express-okta-session:*`: what the channels say, one line a message. */
import { subscribe } from 'node:diagnostics_channel'
import createDebug from 'debug'
import { channels } from '../channels.js'

let begun = false

/**
 * Subscribes to the channels whose lines are wanted, once for the process. Where none is wanted, nothing is
 * subscribed, and publishing stays free.
 */
export function beginDebugLines(): void {
  if (begun) return
  begun = true
  for (const name of Object.values(channels)) {
    const line = createDebug(name)
    if (line.enabled) subscribe(name, (message) => line('%o', message))
  }
}
