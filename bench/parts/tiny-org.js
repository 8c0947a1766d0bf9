/** A minimal org: answers GetCurrentSession, counts its calls, and can hang. */
import { hash } from 'node:crypto'
import { createServer } from 'node:http'

/**
 * @typedef {object} TinyOrg
 * @property {string} url
 * @property {number} calls
 * @property {boolean} hangs Whether it accepts requests and never answers them.
 * @property {() => Promise<void>} stop Stops listening, so that connections are refused.
 * @property {() => Promise<void>} start Listens again on the same port.
 * @property {() => Promise<void>} close
 */

/**
 * @param {{ port?: number, takesMs?: number }} [options] `takesMs`: the delay of each answer.
 * @returns {Promise<TinyOrg>}
 */
export async function tinyOrg({ port = 0, takesMs = 0 } = {}) {
  const server = createServer((req, res) => {
    org.calls += 1
    if (org.hangs) return
    const [, value = ''] = /=(.*)$/.exec(req.headers.cookie ?? '') ?? []
    const answer = () => {
      res.writeHead(200, { 'content-type': 'application/json', ...quotaHeaders() })
      res.end(sessionJson(value))
    }
    if (takesMs === 0) answer()
    else setTimeout(answer, takesMs)
  })
  await listen(server, port)
  const address = server.address()
  const taken = typeof address === 'object' && address !== null ? address.port : port
  const stop = async () => {
    server.closeAllConnections()
    await new Promise((closed) => server.close(closed))
  }
  const org = {
    url: `http://127.0.0.1:${taken}`,
    calls: 0,
    hangs: false,
    stop,
    start: () => listen(server, taken),
    close: stop,
  }
  return org
}

/**
 * @param {import('node:http').Server} server
 * @param {number} port
 * @returns {Promise<void>}
 */
function listen(server, port) {
  return new Promise((listening) => server.listen(port, '127.0.0.1', () => listening()))
}

const SPREAD_SECONDS = 7_200

/**
 * Okta's Session object for a cookie value, with all fields that Okta sends. Sign-ins are spread over the
 * last two hours, as under Okta's default idle timeout of two hours.
 * @param {string} value
 * @param {number} [now] Epoch milliseconds.
 */
export function sessionJson(value, now = Date.now()) {
  const name = value.slice(-12).replaceAll(/[^a-zA-Z0-9]/g, '0')
  const second = Math.floor(now / 1_000) * 1_000
  const seconds = Number.parseInt(hash('sha1', value, 'hex').slice(0, 8), 16) % SPREAD_SECONDS
  const created = new Date(second - seconds * 1_000).toISOString()
  return JSON.stringify({
    id: `idx${name.padStart(22, '0')}`,
    login: `${name}@example.com`,
    userId: `00u${name.padStart(17, '0')}`,
    createdAt: created,
    expiresAt: new Date(second + (SPREAD_SECONDS - Math.floor(seconds / 2)) * 1_000).toISOString(),
    status: 'ACTIVE',
    lastPasswordVerification: created,
    lastFactorVerification: null,
    amr: ['pwd'],
    idp: { id: '00oexampleexample1', type: 'OKTA' },
    mfaActive: false,
    _links: {
      self: {
        href: 'https://id.example.com/api/v1/sessions/me',
        hints: { allow: ['GET', 'DELETE'] },
      },
      refresh: {
        href: 'https://id.example.com/api/v1/sessions/me/lifecycle/refresh',
        hints: { allow: ['POST'] },
      },
      user: { href: 'https://id.example.com/api/v1/users/me', hints: { allow: ['GET'] } },
    },
  })
}

function quotaHeaders() {
  return {
    'x-rate-limit-limit': '600000',
    'x-rate-limit-remaining': '599999',
    'x-rate-limit-reset': String(Math.ceil(Date.now() / 1_000) + 60),
    'x-okta-request-id': '0123456789abcdef0123456789abcdef',
  }
}
