/** Starts the page, its API and a local org, each on an origin of its own: node examples/spa/server.js */
import { createServer } from 'node:http'
import { oktaSession } from 'express-okta-session'
import { createLocalOrg } from 'express-okta-session/local-org'
import { listen } from '../app/listening.js'
import { createApi } from './api.js'
import { createPage } from './page.js'

const page = createServer()
const api = createServer()
const pageUrl = await listen(page, process.env.PORT ?? '3000')
const apiUrl = await listen(api, process.env.API_PORT ?? '3001')

const org = await createLocalOrg()
const okta = oktaSession({ orgUrl: org.url, appUrl: apiUrl, trustedOrigins: [pageUrl] })
api.on('request', createApi({ okta, origins: [pageUrl] }))
page.on('request', createPage(apiUrl))
const [user] = org.users
console.log(`${pageUrl}   sign in as ${user?.login}, ${user?.password}`)
console.log(`${apiUrl}   is its API, ${org.url}/console the console of the org`)

process.once('SIGINT', async () => {
  for (const server of [page, api]) server.close().closeAllConnections()
  await okta.close()
  await org.close()
})
