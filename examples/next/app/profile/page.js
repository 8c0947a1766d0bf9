import { sessionOf } from '../../adapter.js'
import { okta } from '../../okta.js'

/** Outside of what proxy.js guards: the page alone asks for a session. */
export default async function Page() {
  const { login } = await sessionOf(okta, '/profile')
  return <p>Profile of {login}</p>
}
