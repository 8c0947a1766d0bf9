import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const entry = fileURLToPath(new URL('../../dist/index.js', import.meta.url))

/** A process that looks up a cookie at an org that does not answer. */
const script = `
  import { oktaSession } from ${JSON.stringify(entry)}
  const okta = oktaSession({ orgUrl: 'http://127.0.0.1:1', logger: false })
  await okta.authenticate({ headers: { cookie: 'sid=102secretsecretsecret' } })
  await okta.forget({ userId: '00u1' })
  await okta.close()
`

function stderrWith(DEBUG: string): string {
  const env = { ...process.env, DEBUG }
  return spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    env,
  }).stderr.toString()
}

describe('DEBUG=express-okta-session:*', () => {
  it('DEBUG=express-okta-session:* prints calls, verdicts and revocations, and no cookie', () => {
    const lines = stderrWith('express-okta-session:*')
    expect(lines).toMatch(/express-okta-session:call .*getCurrentSession.*connect/)
    expect(lines).toMatch(/express-okta-session:verdict .*unavailable/)
    expect(lines).toMatch(/express-okta-session:revocation .*forget/)
    expect(lines).not.toContain('102secret')
  })

  it('nothing is printed without DEBUG', () => {
    expect(stderrWith('')).toBe('')
  })
})
