/**
 * Finds, refreshes and revokes a session by its id, with each kind of credentials, at a local org:
 *
 *     node examples/admin/admin.js
 *
 * The same with the credentials in the environment, at the org in OKTA_CLIENT_ORGURL. This revokes the session:
 *
 *     node examples/admin/admin.js <session id>
 */
import { SessionApi } from 'express-okta-session'
import { createLocalOrg } from 'express-okta-session/local-org'
import { administer } from './administer.js'
import { credentialKinds } from './credential-kinds.js'

const [sessionId] = process.argv.slice(2)

try {
  if (sessionId === undefined) await showEachKind()
  else await withApi(new SessionApi(), sessionId)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}

async function showEachKind() {
  for (const { title, dpop, credentials } of credentialKinds) {
    console.log(`\n${title}`)
    const org = await createLocalOrg({ dpop })
    try {
      org.signIn('alice@example.com')
      const id = org.sessions[0]?.id ?? ''
      // Without this the refresh would not change expiresAt visibly.
      org.clock.advance(2 * 60_000)
      await withApi(new SessionApi({ orgUrl: org.url, credentials: credentials(org) }), id)
    } finally {
      await org.close()
    }
  }
}

/**
 * @param {SessionApi} api
 * @param {string} id
 */
async function withApi(api, id) {
  try {
    for await (const line of administer(api, id)) console.log(`  ${line}`)
  } finally {
    await api.close()
  }
}
