import { withSession } from '../../../adapter.js'
import { okta } from '../../../okta.js'

export const GET = withSession(okta, ({ login }) => Response.json({ login }))
