/** Guards whole parts of the app before anything of them is rendered. Runs in Node's runtime. */
import { guard } from './adapter.js'
import { okta } from './okta.js'
import { ruleOf } from './rules.js'

/** @param {import('next/server').NextRequest} request */
export function proxy(request) {
  return guard(okta, request, ruleOf(request.nextUrl.pathname))
}

export const config = { matcher: ['/account/:path*', '/admin/:path*'] }
