/** The code that projects run: one app, written as an ES module and as a CommonJS module. */

const NAMES = {
  oktaSession: 'express-okta-session',
  OktaApiError: 'express-okta-session',
  createLocalOrg: 'express-okta-session/local-org',
  redisStore: 'express-okta-session/redis',
} as const

export const imports = Object.entries(NAMES)
  .map(([name, from]) => `import { ${name} } from '${from}'`)
  .join('\n')

export const requires = Object.entries(NAMES)
  .map(([name, from]) => `const { ${name} } = require('${from}')`)
  .join('\n')

/** Signs in, calls a guarded route, and meets an error. Prints `200 alice@example.com true function`. */
export const body = `
async function main(createServer) {
  const org = await createLocalOrg()
  const okta = oktaSession({ orgUrl: org.url, logger: false })
  const guard = okta.requireSession()
  const server = createServer((req, res) =>
    guard(req, res, () => res.end(okta.session(req).login)),
  ).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const url = 'http://127.0.0.1:' + server.address().port
  const answer = await fetch(url, { headers: { cookie: org.signIn('alice@example.com') } })
  const error = await okta.api.getSession('none').catch((thrown) => thrown)
  const line = [answer.status, await answer.text(), error instanceof OktaApiError, typeof redisStore]
  server.closeAllConnections()
  server.close()
  await okta.close()
  await org.close()
  return line.join(' ')
}`

export const PRINTED = '200 alice@example.com true function'

/** An app in TypeScript, for Express's types of either version. */
export const typescript = `
import express from 'express'
import { oktaSession, OktaApiError, type Session, type SessionRule } from 'express-okta-session'
import { createLocalOrg, type LocalOrg } from 'express-okta-session/local-org'
import { redisStore } from 'express-okta-session/redis'

export async function start(client: { get(): string }): Promise<LocalOrg> {
  const org = await createLocalOrg({ engine: 'classic' })
  const okta = oktaSession({
    orgUrl: org.url,
    secret: process.env.SECRET,
    cache: { store: redisStore({ command: async () => client.get() }) },
  })
  const rule: SessionRule = { mfa: true, allow: (session, req) => req.path === session.login }
  const app = express()
  app.use(okta.attachSession())
  app.get('/:id', okta.requireSession(rule), (req, res) => {
    const session: Session = okta.session(req)
    const { id } = req.params
    // @ts-expect-error: the login is text.
    const wrong: number = session.login
    res.json({ login: session.login, id, wrong, state: req.okta?.state })
  })
  await okta.api.getSession('x').catch((error: unknown) => {
    if (error instanceof OktaApiError) console.log(error.status, error.errorCode)
  })
  return org
}
`
