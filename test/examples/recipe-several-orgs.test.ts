/** The recipe for two orgs in one app: neither org's session counts for the other. */
import { type OktaSession, oktaSession } from 'express-okta-session'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createApp, openOrgs } from '../../examples/recipes/several-orgs.js'
import { serve, startOrg } from './recipe-world.js'

const closeAtEnd = (okta: OktaSession) => onTestFinished(() => okta.close())

async function start() {
  const [customerOrg, employeeOrg] = await Promise.all([startOrg(), startOrg()])
  const orgs = openOrgs(
    { customers: customerOrg.url, employees: employeeOrg.url },
    { logger: false },
  )
  for (const okta of Object.values(orgs)) closeAtEnd(okta)
  const url = await serve(createApp(orgs))
  const get = (path: string, cookie = '') => fetch(url + path, { headers: { cookie } })
  const post = (path: string, cookie = '', body: object = {}) =>
    fetch(url + path, {
      method: 'POST',
      headers: { cookie, origin: url, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  /** Signs in through the app, and returns the cookie that it sets. */
  const signIn = async (path: string, sessionToken: string) => {
    const response = await post(path, '', { sessionToken })
    expect(response.status).toBe(200)
    return response.headers.getSetCookie().map((line) => line.split(';')[0])[0] ?? ''
  }
  return {
    customerOrg,
    employeeOrg,
    orgs,
    get,
    post,
    customer: await signIn('/session', customerOrg.sessionToken('alice@example.com')),
    employee: await signIn('/staff/session', employeeOrg.sessionToken('bob@example.com')),
  }
}

describe('the recipe for several orgs', () => {
  it('each sign-in sets the cookie of its own org', async () => {
    const { customer, employee } = await start()
    expect(customer).toMatch(/^customer=./)
    expect(employee).toMatch(/^employee=./)
  })

  it('each guard takes the session of its own org alone', async () => {
    const { get, customer, employee } = await start()
    expect(await (await get('/orders', customer)).json()).toEqual({ ordersOf: 'alice@example.com' })
    expect(await (await get('/staff', employee)).json()).toEqual({ employee: 'bob@example.com' })
    expect((await get('/orders', employee)).status).toBe(401)
    expect((await get('/staff', customer)).status).toBe(401)
  })

  it('neither org is asked about the cookie of the other', async () => {
    const { get, customer, customerOrg, employeeOrg } = await start()
    await get('/', customer)
    expect(customerOrg.calls.getCurrentSession).toBe(1)
    expect(employeeOrg.calls.getCurrentSession).toBe(0)
  })

  it('a page for all has both sessions', async () => {
    const { get, customer, employee } = await start()
    const both = await (await get('/', `${customer}; ${employee}`)).json()
    expect(both).toEqual({ customer: 'alice@example.com', employee: 'bob@example.com' })
    expect(await (await get('/', employee)).json()).toEqual({ employee: 'bob@example.com' })
  })

  it('a sign-out at one org leaves the session of the other', async () => {
    const { get, post, customer, employee, customerOrg, employeeOrg } = await start()
    const cookie = `${customer}; ${employee}`
    const response = await post('/sign-out', cookie)
    expect(response.status).toBe(204)
    expect(response.headers.getSetCookie().join()).not.toContain('employee=')
    expect((await get('/orders', cookie)).status).toBe(401)
    expect((await get('/staff', cookie)).status).toBe(200)
    expect([customerOrg.sessions.length, employeeOrg.sessions.length]).toEqual([0, 1])
  })

  it('two instances with the default cookies are refused, the recipe’s are not', () => {
    const [customers, employees] = ['https://customers.example.com', 'https://staff.example.com']
    closeAtEnd(oktaSession({ orgUrl: customers, logger: false }))
    expect(() => oktaSession({ orgUrl: employees, logger: false })).toThrow(/two orgs/)
    const orgs = openOrgs({ customers, employees }, { logger: false })
    for (const okta of Object.values(orgs)) closeAtEnd(okta)
  })
})
