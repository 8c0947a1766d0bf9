/** Builds the Next example and starts it with a local org: node examples/next/server.js */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { createLocalOrg } from 'express-okta-session/local-org'
import { okta } from './okta.js'

const dir = fileURLToPath(new URL('.', import.meta.url))
const program = createRequire(import.meta.url).resolve('next/dist/bin/next')
Object.assign(process.env, { NODE_ENV: 'production', NEXT_TELEMETRY_DISABLED: '1' })
execFileSync(process.execPath, [program, 'build', dir], { stdio: ['ignore', 'ignore', 'inherit'] })

const org = await createLocalOrg()
process.env.OKTA_CLIENT_ORGURL = org.url
// What `next start` does, in this process, which the app shares.
const { default: next } = await import('next')
const app = next({ dir, dev: false })
await app.prepare()
const server = createServer(app.getRequestHandler())
server.listen(Number(process.env.PORT ?? 3_000), '127.0.0.1')
await once(server, 'listening')
const address = server.address()
const port = typeof address === 'object' && address !== null ? address.port : 0
const [user] = org.users
console.log(`http://localhost:${port}/account   sign in as ${user?.login}, ${user?.password}`)

process.once('SIGINT', async () => {
  server.close()
  await app.close()
  await okta().close()
  await org.close()
})
