/** Prints where the example runs and the users to sign in as. */

/**
 * @param {readonly (readonly [name: string, value: string])[]} places The app's URLs, and what else it uses.
 * @param {import('express-okta-session/local-org').LocalOrg} [org]
 */
export function greet(places, org) {
  console.log()
  for (const [name, value] of places) console.log(`  ${name.padEnd(12)} ${value}`)
  if (org !== undefined) {
    console.log(`  Its Okta     ${org.url} (a local stand-in)`)
    for (const { login, password, mfa } of org.users)
      console.log(
        `  Sign in as   ${login}  ${password}${mfa ? '  (and a second factor, which the page shows)' : ''}`,
      )
  }
  console.log('\n  Stop with Ctrl-C.\n')
}
