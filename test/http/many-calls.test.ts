/** Text beyond ASCII reads the same at the 5,000th call: Node 20's `URL.canParse` then answers false. */
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { expect, it } from 'vitest'
import { isActivity } from '../../src/http/activity.js'
import { judgePost } from '../../src/http/csrf.js'

const CALLS = 5_000

function timesTrue(act: () => boolean): number {
  let times = 0
  for (let call = 0; call < CALLS; call += 1) if (act()) times += 1
  return times
}

it('a post of an origin with an umlaut stays one of a trusted origin', () => {
  const rules = {
    api: { orgUrl: 'https://id.example.com' },
    appUrl: undefined,
    trustedOrigins: ['https://xn--bcher-kva.example'],
    allowNonBrowserClients: false,
  }
  const req = { method: 'POST', headers: { origin: 'https://bücher.example' } }
  expect(timesTrue(() => judgePost(req, rules) === 'ours')).toBe(CALLS)
})

it('a page that reloads itself is no activity, also where its host has an umlaut', () => {
  const req = Object.assign(new IncomingMessage(new Socket()), {
    method: 'GET',
    url: '/account',
    headers: {
      'sec-fetch-mode': 'navigate',
      'sec-fetch-site': 'same-origin',
      referer: 'https://bücher.example/account',
    },
  })
  const rules = { isOurs: () => true, wasGuarded: () => true }
  const res = new ServerResponse(req)
  expect(timesTrue(() => !isActivity(req, res, rules))).toBe(CALLS)
})
