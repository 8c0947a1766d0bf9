/** The options of oktaSession() and SessionApi: what they are, what they default to, and what is wrong with them. */
import type { Agent } from 'node:https'
import type { Agent as HttpAgent } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { CookieEntry, CookieKind, Logger, SessionStore } from './contracts.js'
import type { Denial } from './context.js'

// (types first; parseOptions and parseApiOptions to follow)
