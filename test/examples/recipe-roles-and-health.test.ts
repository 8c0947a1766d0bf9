/** The recipes for roles of the app's own and for the endpoints of an orchestrator. */
import { describe, expect, it } from 'vitest'
import { createApp as createHealthApp } from '../../examples/recipes/health.js'
import { createApp as createRolesApp } from '../../examples/recipes/roles.js'
import { serve, startParts } from './recipe-world.js'

describe('the recipe for roles', () => {
  it('a role of the app’s database decides, from the next request on', async () => {
    const { org, okta } = await startParts()
    const roles = new Map<string, readonly string[]>()
    const url = await serve(createRolesApp(okta, async (userId) => roles.get(userId) ?? []))
    const cookie = org.signIn('alice@example.com')
    const { userId } = await okta.api.getCurrentSession(cookie)
    const visit = () => fetch(`${url}/reports`, { headers: { cookie } })
    expect((await visit()).status).toBe(403)
    roles.set(userId, ['auditor'])
    expect(await (await visit()).json()).toEqual({ reportsFor: 'alice@example.com' })
    roles.set(userId, ['clerk'])
    expect(await (await visit()).json()).toMatchObject({ code: 'forbidden' })
    expect((await fetch(`${url}/reports`)).status).toBe(401)
  })

  it('a database that fails passes no request', async () => {
    const { org, okta } = await startParts()
    const app = createRolesApp(okta, () => Promise.reject(new Error('no database')))
    app.set('env', 'test')
    const cookie = org.signIn('alice@example.com')
    const response = await fetch(`${await serve(app)}/reports`, { headers: { cookie } })
    expect(response.status).toBe(500)
  })
})

describe('the recipe for health', () => {
  it('the process is alive while Okta is down, and says so', async () => {
    const { org, okta } = await startParts()
    const url = await serve(createHealthApp(okta))
    const health = async () => {
      const response = await fetch(`${url}/health`)
      return [response.status, await response.json()]
    }
    expect(await health()).toEqual([200, { alive: true, okta: 'in use' }])
    await okta.authenticate({ headers: { cookie: org.signIn('alice@example.com') } })
    await org.close()
    await expect
      .poll(async () => {
        await okta.authenticate({ headers: { cookie: `sid=${Math.random()}` } })
        return health()
      })
      .toEqual([200, { alive: true, okta: 'unavailable' }])
  })

  it('the metrics have the figures and no user', async () => {
    const { org, okta } = await startParts()
    const url = await serve(createHealthApp(okta))
    const cookie = org.signIn('alice@example.com')
    await okta.authenticate({ headers: { cookie } })
    const text = await (await fetch(`${url}/metrics.json`)).text()
    expect(JSON.parse(text)).toMatchObject({ misses: 1, sessions: 1, calls: 1 })
    expect(text).not.toContain('alice')
  })
})
