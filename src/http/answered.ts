/** Whether a response is no longer ours to write: to be looked at after every wait. */
import type { ServerResponse } from 'node:http'

/**
 * Another handler has begun an answer (a time limit in front of us, for one), or the client is gone. Writing
 * a header then throws, outside every `try` of the app's: it would end the process.
 */
export function isAnswered(res: ServerResponse): boolean {
  return res.headersSent || res.writableEnded || res.destroyed || streamIsGone(res)
}

/** Node's HTTP/2 response has no `destroyed` of its own; its stream has. */
function streamIsGone(res: ServerResponse): boolean {
  const stream: unknown = 'stream' in res ? res.stream : undefined
  return (
    typeof stream === 'object' &&
    stream !== null &&
    'destroyed' in stream &&
    stream.destroyed === true
  )
}
