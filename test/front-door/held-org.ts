/** A proxy in front of an org that holds each request back until the test lets it go. */
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { deferred } from './deferred.js'
import { serve } from './door.js'

export interface HeldOrg {
  readonly url: string
  /** Resolves when the first request has come in. */
  readonly received: Promise<void>
  /** Passes on what was held back, and from now on everything at once. */
  letGo(): void
}

export async function holdOrg(orgUrl: string): Promise<HeldOrg> {
  let gone = false
  const held: (() => void)[] = []
  const first = deferred<void>()
  const url = await serve((req, res) => {
    first.resolve()
    const pass = () => forward(orgUrl, req, res)
    if (gone) pass()
    else held.push(pass)
  })
  return {
    url,
    received: first.promise,
    letGo() {
      gone = true
      for (const pass of held.splice(0)) pass()
    },
  }
}

function forward(orgUrl: string, req: IncomingMessage, res: ServerResponse): void {
  const { method, headers, url = '/' } = req
  const { host } = new URL(orgUrl)
  const onward = httpRequest(new URL(url, orgUrl), { method, headers: { ...headers, host } })
  onward.on('response', (answer) => {
    res.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
    answer.pipe(res)
  })
  onward.on('error', () => res.destroy())
  req.pipe(onward)
}
