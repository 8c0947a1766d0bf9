import { sessionOf } from '../../adapter.js'
import { okta } from '../../okta.js'
import { rules } from '../../rules.js'

export default async function Page() {
  const { login } = await sessionOf(okta, '/admin', rules['/admin'])
  return <p>Administrator {login}</p>
}
