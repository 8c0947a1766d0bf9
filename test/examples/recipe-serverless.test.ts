/** The recipe for serverless platforms: nothing is under way when the function returns. */
import { once } from 'node:events'
import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import type { Express } from 'express'
import { describe, expect, it } from 'vitest'
import { createApp, createHandler } from '../../examples/recipes/serverless.js'
import { serve, startParts } from './recipe-world.js'

interface Call {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly cookie: string
}

/** As an adapter does: a function of the platform, which returns the answer of the app. */
function adapt(app: Express) {
  const listening = serve(app)
  return async ({ method, path, cookie }: Call) => {
    const url = await listening
    const headers = { cookie, origin: url, 'sec-fetch-mode': 'navigate' }
    // Not fetch(), which sets Sec-Fetch-Mode itself.
    const exchange = request(url + path, {
      method,
      agent: false,
      headers: { ...headers, 'sec-fetch-site': 'same-origin', 'sec-fetch-user': '?1' },
    }).end()
    const [response] = await once(exchange, 'response')
    return { status: response.statusCode, body: await text(response) }
  }
}

async function start() {
  const { org, okta } = await startParts()
  return {
    org,
    okta,
    cookie: org.signIn('alice@example.com'),
    /** The recipe, and the same app without settled(). */
    handler: createHandler(okta, adapt),
    without: adapt(createApp(okta)),
  }
}

describe('the recipe for serverless platforms', () => {
  it('a refresh on activity has reached Okta when the function returns', async () => {
    const { org, handler, cookie } = await start()
    const { status, body } = await handler({ method: 'GET', path: '/account', cookie })
    expect([status, body]).toEqual([200, '{"login":"alice@example.com"}'])
    expect(org.calls.refreshCurrentSession).toBe(1)
  })

  it('without settled() a refresh on activity is still under way', async () => {
    const { org, okta, without, cookie } = await start()
    await without({ method: 'GET', path: '/account', cookie })
    expect(org.calls.refreshCurrentSession).toBe(0)
    await okta.settled()
    expect(org.calls.refreshCurrentSession).toBe(1)
  })

  it('a sign-out that Okta did not take at first has reached Okta when the function returns', async () => {
    const { org, okta, handler, cookie } = await start()
    await handler({ method: 'GET', path: '/account', cookie })
    // Also where the recipe does not: the fault is for the sign-out.
    await okta.settled()
    org.failNext({ kind: 'html' })
    const { status } = await handler({ method: 'POST', path: '/sign-out', cookie })
    expect(status).toBe(303)
    expect(org.sessions).toEqual([])
  })

  it('without settled() a sign-out that Okta did not take at first is still under way', async () => {
    const { org, okta, without, cookie } = await start()
    await without({ method: 'GET', path: '/account', cookie })
    await okta.settled()
    org.failNext({ kind: 'html' })
    await without({ method: 'POST', path: '/sign-out', cookie })
    expect(org.sessions).toHaveLength(1)
  })

  it('the calls of one process share what it has cached', async () => {
    const { org, okta, handler, cookie } = await start()
    const call = { method: 'GET', path: '/account', cookie } as const
    await handler(call)
    await handler(call)
    expect(org.calls.getCurrentSession).toBe(1)
    expect(okta.stats()).toMatchObject({ inFlight: 0, queued: 0 })
  })

  it('the function returns although Okta takes no sign-out', async () => {
    const { org, okta, cookie } = await start()
    const handler = createHandler(okta, adapt, 100)
    await handler({ method: 'GET', path: '/account', cookie })
    org.fail({ kind: 'html' })
    const { status } = await handler({ method: 'POST', path: '/sign-out', cookie })
    expect(status).toBe(303)
    expect(org.sessions).toHaveLength(1)
  })
})
