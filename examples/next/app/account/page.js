import { sessionOf } from '../../adapter.js'
import { okta } from '../../okta.js'

/** proxy.js has checked the session; the page checks it again, which is a cache hit, and gets it. */
export default async function Page() {
  const { login, expiresAt } = await sessionOf(okta, '/account')
  return (
    <main>
      <p>Signed in as {login}</p>
      <p>Until {expiresAt}</p>
      <form method="post" action="/logout">
        <button type="submit">Sign out</button>
      </form>
    </main>
  )
}
