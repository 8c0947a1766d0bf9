import { lend } from '../../../adapter.js'
import { okta } from '../../../okta.js'

export const config = { api: { bodyParser: false, externalResolver: true } }

export default lend(() => okta().refresh())
