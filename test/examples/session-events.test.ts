/** The example's open pages: what Okta pushes ends their sessions, and each page is told why. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { localPushSettings } from '../../examples/app/pushes.js'
import { openStream } from './event-source.js'
import { type AppChoices, type RunningApp, startApp } from './running-app.js'

const running: RunningApp[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map((app) => app.close()))
})

async function start(choices: AppChoices) {
  const app = await startApp(choices)
  running.push(app)
  const cookie = app.org.signIn('alice@example.com')
  return { ...app, cookie, events: `${app.url}/session/events` }
}

const all = localPushSettings()
const { OKTA_HOOK_SECRET, ...signals } = all
const settings = { all, hook: { OKTA_HOOK_SECRET }, signals }

/** What an administrator does in the console. */
const endings: Readonly<Record<string, (org: RunningApp['org']) => void>> = {
  Revoke: (org) => org.endSession(org.sessions[0]?.id ?? ''),
  Suspend: (org) => org.suspendUser(org.sessions[0]?.userId ?? ''),
  'End everywhere': (org) => org.endUserSessions(org.sessions[0]?.userId ?? ''),
}

describe('an open page of the example', () => {
  it.each([
    ['hook', 'Revoke'],
    ['hook', 'Suspend'],
    ['hook', 'End everywhere'],
    ['signals', 'Suspend'],
    ['signals', 'End everywhere'],
    ['all', 'End everywhere'],
  ] as const)('an open page is told of the end by %s after %s', async (pushes, ending) => {
    const { org, cookie, events } = await start({ pushes: settings[pushes] })
    const { response, ended } = await openStream(events, cookie)
    expect(response.statusCode).toBe(200)
    expect(response.headers).toMatchObject({
      'content-type': expect.stringMatching(/^text\/event-stream\b/),
      'cache-control': 'private, no-store',
    })
    endings[ending]?.(org)
    expect(await ended).toEqual([{ event: 'ended', data: 'not_found' }])
    await org.pushesSettled()
    expect(org.pushes.filter(({ delivered }) => !delivered)).toEqual([])
  })

  it('an open page is told of a sign-out in another tab', async () => {
    const { url, cookie, events } = await start({})
    const { ended } = await openStream(events, cookie)
    const headers = { cookie, origin: url }
    expect((await fetch(`${url}/sign-out`, { method: 'POST', headers })).status).toBe(204)
    expect(await ended).toEqual([{ event: 'ended', data: 'signed_out' }])
  })

  it('an open page is told nothing when the app stops, because its session goes on', async () => {
    const { okta, cookie, events } = await start({})
    const { ended } = await openStream(events, cookie)
    await okta.close()
    expect(await ended).toEqual([])
  })

  it('an open page is told nothing of the end of another user’s session', async () => {
    const { org, okta, cookie, events } = await start({ pushes: all })
    const stream = await openStream(events, cookie)
    const others = await openStream(events, org.signIn('bob@example.com'))
    org.endUserSessions(org.sessions.find(({ login }) => login === 'bob@example.com')?.userId ?? '')
    expect(await others.ended).toHaveLength(1)
    await org.pushesSettled()
    expect(okta.stats().watched).toBe(1)
    stream.leave()
  })

  it('an open page that is left is watched no longer', async () => {
    const { okta, cookie, events } = await start({})
    const { leave } = await openStream(events, cookie)
    expect(okta.stats().watched).toBe(1)
    leave()
    await vi.waitUntil(() => okta.stats().watched === 0)
  })

  it('a page without a session gets 401 instead of events', async () => {
    const { events } = await start({})
    const { response, leave } = await openStream(events, 'theme=dark')
    expect(response.statusCode).toBe(401)
    leave()
  })
})

describe('the receivers of the example', () => {
  it.each(['/okta/events', '/okta/signals'])(
    'the receiver at %s is mounted only where it is set up',
    async (path) => {
      const post = (url: string) => fetch(url + path, { method: 'POST' })
      const [without, withAll] = await Promise.all([start({}), start({ pushes: all })])
      expect((await post(without.url)).status).toBe(404)
      expect([400, 401]).toContain((await post(withAll.url)).status)
    },
  )
})
