import { describe, expect, it } from 'vitest'
import { bodyOf, orgs, postJson } from './orgs.js'

const start = orgs()
const app = 'https://app.example.com'

function preflight(url: string, origin: string, method: string, headers = 'content-type') {
  return fetch(url, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': method,
      'access-control-request-headers': headers,
    },
  })
}

/** What of an answer a browser goes by before it lets a page read it. */
function leaveOf({ status, headers }: Response) {
  const names = [...headers.keys()].filter((name) => name.startsWith('access-control-')).sort()
  return {
    status,
    leave: Object.fromEntries(names.map((name) => [name.slice(15), headers.get(name)])),
    vary: headers.get('vary'),
  }
}

describe('a page of another origin', () => {
  it.each([
    ['authn', 'POST'],
    ['authn/factors/ost1/verify', 'POST'],
    ['sessions/me', 'GET'],
    ['sessions/me', 'DELETE'],
    ['sessions/me/lifecycle/refresh', 'POST'],
  ])('a page of a trusted origin may request %s with %s and cookies', async (path, method) => {
    const { url, calls } = await start({ trustedOrigins: [app] })
    const requested = 'content-type, x-okta-user-agent-extended'
    const answer = await preflight(`${url}/api/v1/${path}`, app, method, requested)
    expect(leaveOf(answer)).toEqual({
      status: 204,
      leave: {
        'allow-origin': app,
        'allow-credentials': 'true',
        'allow-methods': expect.stringContaining(method),
        'allow-headers': requested,
        'max-age': '600',
      },
      vary: 'Origin',
    })
    expect(new Set(Object.values(calls))).toEqual(new Set([0]))
    expect(answer.headers.get('x-rate-limit-limit')).toBeNull()
  })

  it.each([
    'http://localhost:3000',
    'https://localhost',
    'http://127.0.0.1:8080',
    'http://[::1]:1',
  ])('a page of this machine is trusted: %s', async (origin) => {
    const { url } = await start()
    const answer = await preflight(`${url}/api/v1/authn`, origin, 'POST')
    expect(answer.headers.get('access-control-allow-origin')).toBe(origin)
  })

  it.each([
    'https://evil.example',
    'http://app.example.com',
    'https://app.example.com:8443',
    'https://app.example.com.evil.example',
    'https://localhost.evil.example',
    'https://app.example.com/',
    'https://APP.example.com',
    'file://',
    'null',
    '',
    '*',
  ])('a page of the origin %j gets no CORS permission', async (origin) => {
    const org = await start({ trustedOrigins: [app] })
    const forPost = await preflight(`${org.url}/api/v1/authn`, origin, 'POST')
    expect(leaveOf(forPost).leave).toEqual({})
    const cookie = org.signIn('alice@example.com')
    const headers = { origin, cookie }
    const answer = await fetch(`${org.url}/api/v1/sessions/me`, { headers })
    expect(leaveOf(answer)).toEqual({ status: 200, leave: {}, vary: 'Origin' })
  })

  it('a page of a trusted origin reads refusals and faults too', async () => {
    const org = await start({ trustedOrigins: [app] })
    const leave = { 'allow-origin': app, 'allow-credentials': 'true' }
    const headers = { origin: app }

    const wrong = { username: 'alice@example.com', password: 'no' }
    const refused = await postJson(`${org.url}/api/v1/authn`, wrong, headers)
    expect(leaveOf(refused)).toEqual({ status: 401, leave, vary: 'Origin' })

    const right = { username: 'alice@example.com', password: 'local-password' }
    const answer = await postJson(`${org.url}/api/v1/authn`, right, headers)
    expect(leaveOf(answer)).toEqual({ status: 200, leave, vary: 'Origin' })
    expect(await bodyOf(answer)).toMatchObject({ status: 'SUCCESS' })

    org.failNext({ kind: 'status', status: 503 })
    const down = await fetch(`${org.url}/api/v1/sessions/me`, { headers })
    expect(leaveOf(down)).toEqual({ status: 503, leave, vary: 'Origin' })
  })

  it.each([
    '/api/v1/sessions',
    '/api/v1/sessions/101abc',
    '/api/v1/sessions/menu',
    '/oauth2/v1/token',
    '/console/state',
    '/login/login.htm',
  ])('no page gets CORS permission for %s', async (path) => {
    const org = await start({ trustedOrigins: [app] })
    const forGet = await preflight(org.url + path, app, 'GET')
    expect(leaveOf(forGet)).toEqual({ status: 405, leave: {}, vary: null })
    const answer = await fetch(org.url + path, { headers: { origin: app } })
    expect(leaveOf(answer).leave).toEqual({})
  })

  it('CORS changes nothing for a request without Origin', async () => {
    const { url } = await start()
    const answer = await fetch(`${url}/api/v1/sessions/me`)
    expect(leaveOf(answer)).toEqual({ status: 404, leave: {}, vary: null })
    const options = await fetch(`${url}/api/v1/sessions/me`, { method: 'OPTIONS' })
    expect(options.status).toBe(405)
  })
})
