/** Starts the Nest example with a local org: npx tsc -p examples/nest && node examples/nest/dist/server.js */
import 'reflect-metadata'
import { NestFactory } from '@nestjs/core'
import { oktaSession } from 'express-okta-session'
import { createLocalOrg } from 'express-okta-session/local-org'
import { AppModule } from './app.js'

const org = await createLocalOrg()
const okta = oktaSession({ orgUrl: org.url })
const app = await NestFactory.create(AppModule.with(okta), { logger: ['error', 'warn'] })
const server = await app.listen(Number(process.env.PORT ?? 3_000), '127.0.0.1')
const address = server.address()
const port = typeof address === 'object' && address !== null ? address.port : 0
const [user] = org.users
console.log(`http://localhost:${port}/account   sign in as ${user?.login}, ${user?.password}`)

process.once('SIGINT', async () => {
  await app.close()
  await org.close()
})
