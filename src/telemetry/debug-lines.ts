/** Debug lines for `DEBUG=express-okta-session:*`: one line for each message of a channel. */
import { subscribe } from 'node:diagnostics_channel'
import createDebug from 'debug'
import { channels } from '../channels.js'

let begun = false

/**
 * Subscribes to the channels that `DEBUG` enables, once per process. Without a subscriber publishing costs
 * nothing, so other channels get none.
 */
export function beginDebugLines(): void {
  if (begun) return
  begun = true
  for (const name of Object.values(channels)) {
    const line = createDebug(name)
    if (line.enabled) subscribe(name, (message) => line('%o', message))
  }
}
