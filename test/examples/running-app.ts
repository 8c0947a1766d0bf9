/** The example app, running: with a local org behind it, on ports of its own. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type OktaSession, type OktaSessionOptions, oktaSession } from 'express-okta-session'
import { createLocalOrg, type LocalOrg, type LocalOrgOptions } from 'express-okta-session/local-org'
import { createApp } from '../../examples/app/app.js'
import { type PushSettings, registerPushes } from '../../examples/app/pushes.js'
import { offerStepUp } from '../../examples/app/step-up.js'

export interface RunningApp {
  readonly url: string
  readonly org: LocalOrg
  readonly okta: OktaSession
  close(): Promise<void>
}

export interface AppChoices {
  readonly org?: LocalOrgOptions
  readonly okta?: OktaSessionOptions
  /** The pushes that the org sends to the app. Default: none. */
  readonly pushes?: PushSettings
  /** Use the app's own sign-in form instead of the org's page. */
  readonly ownForm?: boolean
  /** Step up on the org's page, as the example does with a local org. Default: sign out and in again. */
  readonly stepUpAtOrg?: boolean
}

export async function startApp({
  ownForm = false,
  stepUpAtOrg = false,
  pushes = {},
  ...choices
}: AppChoices): Promise<RunningApp> {
  const org = await createLocalOrg(choices.org)
  const okta = oktaSession({
    orgUrl: org.url,
    credentials: { apiToken: org.apiToken },
    logger: false,
    onDenied: offerStepUp(stepUpAtOrg ? `${org.url}/login/step-up` : undefined),
    ...(ownForm && { signInUrl: '/sign-in' }),
    ...choices.okta,
  })
  const app = createApp({
    okta,
    onlyLocalhost: true,
    pushes,
    ttlMs: choices.okta?.cache?.ttlMs,
    ...(ownForm && { signInFormFor: org.url }),
  })
  const server = createServer(app)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const url = `http://localhost:${address.port}`
  await registerPushes(org, url, pushes)
  return {
    url,
    org,
    okta,
    async close() {
      server.close()
      server.closeAllConnections()
      await okta.close()
      await org.close()
    },
  }
}
