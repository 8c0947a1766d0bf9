/** Tells Express's types, where an app has them, what attachSession() and requireSession() put on a request. */
import type { SessionContext } from './public-types.js'

// Express's own types leave this namespace open for middleware. Naming it needs none of them: without
// Express in the project the interface has no effect.
declare global {
  namespace Express {
    interface Request {
      /**
       * Whose session this request belongs to; undefined where neither attachSession() nor requireSession()
       * has run. Three outcomes: Okta said yes (`session` is there), Okta said no, or it could not be found
       * out. An app with another `property` declares that one in the same way.
       */
      okta?: SessionContext | undefined
    }
  }
}
