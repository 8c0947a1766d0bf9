/** As much of EventSource as the tests need: the events of one response, in order. */
import { type IncomingMessage, request } from 'node:http'

export interface ServerSentEvent {
  readonly event: string
  readonly data: string
}

export interface OpenStream {
  readonly response: IncomingMessage
  /** Resolves when the app has ended the response. */
  readonly ended: Promise<readonly ServerSentEvent[]>
  /** Ends the connection as a page does that is left. */
  leave(): void
}

/** Resolves when the headers have come. */
export function openStream(url: string, cookie: string): Promise<OpenStream> {
  return new Promise((resolve, reject) => {
    const headers = { cookie, accept: 'text/event-stream', 'sec-fetch-mode': 'cors' }
    const exchange = request(url, { headers, agent: false }, (response) => {
      const ended = read(response)
      // A test that leaves does not await the end.
      ended.catch(() => {})
      resolve({ response, ended, leave: () => exchange.destroy() })
    })
    exchange.on('error', reject)
    exchange.end()
  })
}

async function read(response: IncomingMessage): Promise<readonly ServerSentEvent[]> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  return text.split('\n\n').flatMap((block) => {
    const [, event, data] = /^event: (.*)\ndata: (.*)$/.exec(block) ?? []
    return event === undefined || data === undefined ? [] : [{ event, data }]
  })
}
