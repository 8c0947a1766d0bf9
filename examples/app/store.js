/** Opens the store that the instances share, as an app does: with a client of its own, which it also closes. */
import { redisStore } from 'express-okta-session/redis'
import { createClient } from 'redis'

/** @param {string} url */
export async function openStore(url) {
  const client = createClient({ url })
  // Without a listener a lost connection would end the process. The package logs what it means for sessions.
  client.on('error', () => {})
  await client.connect()
  return {
    store: redisStore({ client }),
    /** Closes the connection at once: okta.close() has finished what it had to send. */
    close() {
      if (client.isOpen) client.destroy()
    },
  }
}
