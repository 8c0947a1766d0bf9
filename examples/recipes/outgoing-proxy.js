/** Calls Okta through a proxy, for a server that has no other way out. */
import { readFileSync } from 'node:fs'
import { rootCertificates } from 'node:tls'
import { oktaSession } from 'express-okta-session'
import { HttpsProxyAgent } from 'hpagent'

/**
 * Returns the agent for the proxy of HTTPS_PROXY, or undefined where the variable is not set. OUTGOING_CA
 * names a file with the certificates of a private authority, as a proxy needs that opens TLS itself.
 *
 * @param {NodeJS.ProcessEnv} env
 */
export function outgoingAgent({ HTTPS_PROXY, OUTGOING_CA }) {
  if (!HTTPS_PROXY) return undefined
  // A list of one's own replaces Node's.
  const ca = OUTGOING_CA ? [...rootCertificates, readFileSync(OUTGOING_CA, 'utf8')] : undefined
  return new HttpsProxyAgent({
    proxy: proxyUrl(HTTPS_PROXY),
    // An idle tunnel is closed after 15 s, and a proxy that does not answer is given up.
    keepAlive: true,
    timeout: 15_000,
    // Stated, so that NODE_TLS_REJECT_UNAUTHORIZED cannot switch off the check of the proxy's certificate.
    proxyRequestOptions: { rejectUnauthorized: true, ...(ca && { ca }) },
    ...(ca && { ca }),
  })
}

/**
 * No error quotes the text, because it may hold a password; the error of `new URL()` would.
 *
 * @param {string} text
 */
function proxyUrl(text) {
  const url = URL.canParse(text) ? new URL(text) : undefined
  // A password with an unencoded # or / ends the address early, and the rest becomes a path.
  const isWhole = url !== undefined && /^https?:$/.test(url.protocol) && /^\/?$/.test(restOf(url))
  if (isWhole && isDecodable(url.username + url.password)) return url
  throw new TypeError(
    'HTTPS_PROXY must be http://user:password@host:port, with special characters of the password percent-encoded.',
  )
}

/** @param {URL} url */
function restOf({ pathname, search, hash }) {
  return pathname + search + hash
}

/** @param {string} text */
function isDecodable(text) {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    // hpagent would fail at each connection.
    return false
  }
}

/** @param {NodeJS.ProcessEnv} env */
export function startOkta(env) {
  const agent = outgoingAgent(env)
  const okta = oktaSession({ upstream: { agent } })
  return {
    okta,
    async close() {
      await okta.close()
      // The agent is the app's, so okta.close() leaves it open.
      agent?.destroy()
    },
  }
}
