/** Declares the properties that the two instances of several-orgs.js set on Express's requests. */
import type { SessionContext } from 'express-okta-session'

declare global {
  namespace Express {
    interface Request {
      customerSession?: SessionContext
      employeeSession?: SessionContext
    }
  }
}
