/** One request over a bare socket: every byte of what came back, and how the connection ended. */
import { connect } from 'node:net'

export interface RawAnswer {
  readonly head: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer
  readonly ending: 'closed' | 'reset' | 'still_open'
  /** When the pieces came, in order, in milliseconds since the request. */
  readonly arrivals: readonly number[]
}

/** `waitMs` is how long to look at a connection that neither ends nor says more. */
export function rawExchange(url: string, request: string, waitMs = 300): Promise<RawAnswer> {
  const { port } = new URL(url)
  return new Promise((resolve) => {
    const socket = connect(Number(port), '127.0.0.1')
    const pieces: Buffer[] = []
    const arrivals: number[] = []
    let startedAt = 0
    const end = (ending: RawAnswer['ending']) => {
      socket.destroy()
      resolve({ ...split(Buffer.concat(pieces)), ending, arrivals })
    }
    socket.setTimeout(waitMs, () => end('still_open'))
    socket.on('connect', () => {
      startedAt = performance.now()
      socket.write(request)
    })
    socket.on('data', (piece) => {
      pieces.push(piece)
      arrivals.push(performance.now() - startedAt)
    })
    socket.on('error', () => end('reset'))
    socket.on('end', () => end('closed'))
  })
}

/** GET /api/v1/sessions/me, closing afterwards unless the answer fails to. */
export function askMe(url: string, cookie: string, waitMs?: number): Promise<RawAnswer> {
  const lines = ['GET /api/v1/sessions/me HTTP/1.1', 'Host: localhost', `Cookie: ${cookie}`]
  return rawExchange(url, `${lines.join('\r\n')}\r\nConnection: close\r\n\r\n`, waitMs)
}

function split(bytes: Buffer): Pick<RawAnswer, 'head' | 'headers' | 'body'> {
  const end = bytes.indexOf('\r\n\r\n')
  if (end === -1) return { head: bytes.toString('latin1'), headers: [], body: Buffer.alloc(0) }
  const [head = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n')
  const headers = lines.map((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const
  })
  return { head, headers, body: bytes.subarray(end + 4) }
}
