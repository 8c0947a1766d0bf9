/** Ends a connection whose client is still sending, so that the client reads its answer first. */
import type { ServerResponse } from 'node:http'

/** How much is thrown away: a client that has sent it meanwhile finds the answer, and no reset connection. */
const MAX_DISCARDED_BYTES = 64 * 1_024
/** A client that neither reads the answer nor sends on is not waited for longer. */
const MAX_WAIT_MS = 1_000

/**
 * Writes the whole answer, then ends it when the client has stopped sending, a little has been thrown away,
 * or a second is over. A connection that is closed at once, with bytes unread, is reset: a client that
 * sends first and reads afterwards hears of the reset alone.
 */
export function endLingering(res: ServerResponse, body: string): void {
  const { req } = res
  let left = MAX_DISCARDED_BYTES
  const end = () => {
    clearTimeout(timer)
    req.off('data', discard).pause()
    if (!res.writableEnded) res.end()
  }
  const discard = (chunk: Buffer | string) => {
    left -= chunk.length
    if (left < 0) end()
  }
  const timer = setTimeout(end, MAX_WAIT_MS).unref()
  if (body === '') res.flushHeaders()
  else res.write(body)
  req.once('end', end).once('close', end).on('data', discard).resume()
}
