import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { checkServerIdentity } from 'node:tls'
import { describe, expect, test } from 'vitest'
import { faultsOf, parse } from './faults-of.js'

const org = 'https://id.example.com'
const secret = 's'.repeat(32)
const store = {}

test('an agent may check more of a certificate than its host', () => {
  for (const check of [
    checkServerIdentity,
    (...[host, certificate]: Parameters<typeof checkServerIdentity>) =>
      checkServerIdentity(host, certificate) ??
      (certificate.fingerprint256 === 'AA:BB' ? undefined : new Error('another certificate')),
    (_: string, certificate: { raw: Buffer }) =>
      certificate.raw.equals(Buffer.from('ours')) ? undefined : new Error('another certificate'),
  ]) {
    const agent = new HttpsAgent({ checkServerIdentity: check })
    expect(() => parse({ orgUrl: org, upstream: { agent } })).not.toThrow()
  }
})

describe('options', () => {
  test.each<[string, object, RegExp]>([
    // orgUrl and other addresses
    ['http', { orgUrl: 'http://id.example.com' }, /^orgUrl: got "http:.+ write "https:\/\/id\.ex/],
    [
      'http with a port',
      { orgUrl: 'http://okta:4000' },
      /must be https.*write "https:\/\/okta:4000"/,
    ],
    ['a name that begins as loopback', { orgUrl: 'http://127.0.0.1.example.com' }, /must be https/],
    ['a name that ends like localhost', { orgUrl: 'http://notlocalhost' }, /must be https/],
    [
      'a path',
      { orgUrl: `${org}/oauth2/default` },
      /without path.+write "https:\/\/id\.example\.com"$/,
    ],
    ['a query', { orgUrl: `${org}?x=1` }, /orgUrl: got "https:\/\/id\.example\.com\/\?…"/],
    ['an empty query', { orgUrl: `${org}?` }, /without path, query/],
    ['a fragment', { orgUrl: `${org}#x` }, /#…"; must be an origin/],
    [
      'a user',
      { orgUrl: 'https://me:pw@id.example.com' },
      /got "https:\/\/\*\*\*@id\.example\.com/,
    ],
    [
      'no scheme',
      { orgUrl: 'id.example.com' },
      /got "id\.example\.com"; .+write "https:\/\/id\.example\.com"/,
    ],
    ['another scheme', { orgUrl: 'ftp://id.example.com' }, /must be an origin/],
    ['no slashes', { orgUrl: 'https:id.example.com' }, /must be an origin/],
    ['a blank', { orgUrl: ` ${org}` }, /must be an origin/],
    ['a backslash', { orgUrl: 'https:\\\\id.example.com' }, /must be an origin/],
    ['a placeholder', { orgUrl: 'https://{yourOktaDomain}' }, /must be an origin/],
    ['a token by mistake', { orgUrl: '00abcDEF' }, /^orgUrl: got a string of 8 characters;/],
    ['a URL object', { orgUrl: new URL(org) }, /^orgUrl: got an object;/],
    ['an empty orgUrl', { orgUrl: '' }, /^orgUrl: got a string of 0 characters/],
    [
      'the console',
      { orgUrl: 'https://dev-1-admin.okta.com' },
      /console; write "https:\/\/dev-1\.okta\.com"/,
    ],
    [
      'a page of the console',
      { orgUrl: 'https://x-admin.oktapreview.com/admin' },
      /"https:\/\/x\.oktapreview\.com"/,
    ],
    [
      'an appUrl with a path',
      { appUrl: 'https://app.example.com/app' },
      /^appUrl: .+write "https:\/\/app\.example\.com"$/,
    ],
    [
      'an appUrl on this machine without a scheme',
      { appUrl: 'localhost:3000' },
      /^appUrl: .+write "http:\/\/localhost:3000"$/,
    ],
    [
      'trustedOrigins as text',
      { trustedOrigins: 'https://a.example' },
      /^trustedOrigins: .+must be an array/,
    ],
    ['any origin', { trustedOrigins: ['*'] }, /^trustedOrigins\[0\]: got "\*"; patterns/],
    ['a pattern', { trustedOrigins: ['https://*.example.com'] }, /name each origin exactly/],
    ['the null origin', { trustedOrigins: ['null'] }, /"null" would admit origins of other sites/],
    ['a trusted path', { trustedOrigins: ['https://a.example/x'] }, /write "https:\/\/a\.example"/],
    ['a trusted slash', { trustedOrigins: ['https://a.example/'] }, /write "https:\/\/a\.example"/],
    [
      'a trusted port',
      { trustedOrigins: ['https://a.example:443'] },
      /write "https:\/\/a\.example"/,
    ],
    ['a trusted number', { trustedOrigins: [1] }, /^trustedOrigins\[0\]: got 1/],
    ['a signInUrl that is neither', { signInUrl: 'sign-in' }, /^signInUrl: .+must be a path/],
    ['a signInUrl of another host', { signInUrl: '//evil.example' }, /^signInUrl/],
    ['a signInUrl with a backslash', { signInUrl: '/\\evil.example' }, /^signInUrl/],
    ['a signInUrl with a line end', { signInUrl: '/a\r\nb' }, /^signInUrl/],
    ['a signInUrl of another scheme', { signInUrl: 'javascript:alert(1)' }, /^signInUrl/],
    ['a signInUrl with a user', { signInUrl: 'https://a:b@a.example/' }, /^signInUrl/],
    ['a signInUrl URL object', { signInUrl: new URL('mailto:a@b.example') }, /^signInUrl: /],
    ['a signInUrl object', { signInUrl: {} }, /^signInUrl: got an object/],
    // cache
    [
      'a cache that is none',
      { cache: 60_000 },
      /^cache: got a number; must be an object with any of ttlMs/,
    ],
    [
      'ttlMs 0',
      { cache: { ttlMs: 0 } },
      /^cache\.ttlMs: got 0; .+from 1 to 86_400_000.+maxStalenessMs: 0/,
    ],
    [
      'ttlMs as text',
      { cache: { ttlMs: '60000' } },
      /^cache\.ttlMs: got "60000"; must be a number of mill/,
    ],
    ['ttlMs NaN', { cache: { ttlMs: Number.NaN } }, /^cache\.ttlMs: got NaN/],
    ['ttlMs endless', { cache: { ttlMs: Infinity } }, /^cache\.ttlMs: got Infinity/],
    ['ttlMs negative', { cache: { ttlMs: -1 } }, /^cache\.ttlMs: got -1/],
    ['ttlMs a bigint', { cache: { ttlMs: 1n } }, /^cache\.ttlMs: got 1n/],
    ['ttlMs null', { cache: { ttlMs: null } }, /^cache\.ttlMs: got null/],
    [
      'maxTtlMs below ttlMs',
      { cache: { maxTtlMs: 59_999 } },
      /^cache\.maxTtlMs: got 59999; must be at least cache\.ttlMs \(60000\)/,
    ],
    ['maxTtlMs beyond a day', { cache: { maxTtlMs: 86_400_001 } }, /^cache\.maxTtlMs/],
    [
      'half a session',
      { cache: { maxSessions: 1.5 } },
      /^cache\.maxSessions: got 1\.5; must be a whole number from 1/,
    ],
    ['no sessions', { cache: { maxSessions: 0 } }, /^cache\.maxSessions/],
    ['no negatives', { cache: { maxNegatives: 0 } }, /^cache\.maxNegatives/],
    ['negativeTtlMs 0', { cache: { negativeTtlMs: 0 } }, /^cache\.negativeTtlMs/],
    [
      'a Redis client',
      { secret, cache: { store: { sendCommand() {} } } },
      /^cache\.store: got a Redis client itself.+redisStore\(\{ client \}\)/,
    ],
    ['a store by name', { secret, cache: { store: 'redis' } }, /^cache\.store: got a string/],
    // upstream
    [
      'timeoutMs 0',
      { upstream: { timeoutMs: 0 } },
      /^upstream\.timeoutMs: got 0; .+1 to 120_000, for example 3_000$/,
    ],
    ['timeoutMs beyond a timer', { upstream: { timeoutMs: 2 ** 31 } }, /^upstream\.timeoutMs/],
    ['maxConcurrent 0', { upstream: { maxConcurrent: 0 } }, /^upstream\.maxConcurrent/],
    ['maxQueueMs negative', { upstream: { maxQueueMs: -1 } }, /^upstream\.maxQueueMs/],
    [
      'a budget that is a number',
      { upstream: { failedLookups: 5 } },
      /^upstream\.failedLookups: got a number; .+perSecond, burst/,
    ],
    [
      'a budget of nothing',
      { upstream: { failedLookups: { perSecond: 0 } } },
      /^upstream\.failedLookups\.perSecond/,
    ],
    [
      'half a burst',
      { upstream: { failedLookupsPerClient: { burst: 0.5 } } },
      /^upstream\.failedLookupsPerClient\.burst/,
    ],
    [
      'forwardClientIp as text',
      { upstream: { forwardClientIp: 'false' } },
      /^upstream\.forwardClientIp: got "false"; must be true or false/,
    ],
    [
      'an agent that checks no host',
      { upstream: { agent: new HttpsAgent({ checkServerIdentity: () => undefined }) } },
      /^upstream\.agent: its checkServerIdentity accepts another host's certificate.+node:tls/,
    ],
    [
      'an agent that does not check one host',
      {
        upstream: {
          agent: new HttpsAgent({
            checkServerIdentity: (host, certificate) =>
              host === 'id.example.com' ? undefined : checkServerIdentity(host, certificate),
          }),
        },
      },
      /^upstream\.agent: its checkServerIdentity accepts/,
    ],
    [
      'an agent that does not check certificates',
      { upstream: { agent: new HttpsAgent({ rejectUnauthorized: false }) } },
      /^upstream\.agent: its rejectUnauthorized is false; .+\{ ca \}/,
    ],
    [
      'an http agent for https',
      { upstream: { agent: new HttpAgent() } },
      /^upstream\.agent: an agent for http:/,
    ],
    [
      'agents as got wants them',
      { upstream: { agent: { https: new HttpsAgent() } } },
      /^upstream\.agent: .+the agent itself/,
    ],
    ['a dispatcher', { upstream: { agent: { dispatch() {} } } }, /^upstream\.agent: .+undici/],
    [
      'an agent that is none',
      { upstream: { agent: {} } },
      /^upstream\.agent: got an object; must be an https\.Agent/,
    ],
    // cookies
    [
      'no cookies',
      { cookies: [] },
      /^cookies: got an array of 0; must be an array with at least one/,
    ],
    ['cookies as text', { cookies: 'sid' }, /^cookies: got "sid"; must be an array/],
    ['a cookie twice', { cookies: ['sid', 'sid'] }, /^cookies: "sid" given twice/],
    [
      'a cookie of another name',
      { cookies: ['SID'] },
      /^cookies\[0\]: got "SID"; must be "idx", "sid" or/,
    ],
    ['a cookie without a name', { cookies: [{ as: 'sid' }] }, /^cookies\[0\]\.name: got undefined/],
    [
      'a cookie name with a blank',
      { cookies: [{ name: 'a b', as: 'sid' }] },
      /^cookies\[0\]\.name: got "a b"/,
    ],
    [
      'a cookie name with an equals sign',
      { cookies: [{ name: 'a=b', as: 'sid' }] },
      /^cookies\[0\]\.name/,
    ],
    ['an empty cookie name', { cookies: [{ name: '', as: 'sid' }] }, /^cookies\[0\]\.name/],
    [
      'a cookie name of ours',
      { cookies: [{ name: 'xids', as: 'sid' }] },
      /^cookies\[0\]\.name: .+in use here/,
    ],
    [
      'the cookie name of the page of an outage',
      { cookies: [{ name: 'okta-unavailable-since', as: 'sid' }] },
      /^cookies\[0\]\.name: .+in use here/,
    ],
    [
      'a cookie read as nothing',
      { cookies: [{ name: 'a' }] },
      /^cookies\[0\]\.as: got undefined; must be "idx" or "sid"/,
    ],
    [
      'a signed cookie of any name',
      { secret, cookies: [{ name: 'okta', as: 'sid', signed: true }] },
      /^cookies\[0\]\.name: .+write "__Host-okta"/,
    ],
    [
      'a prefix in another case',
      { cookies: [{ name: '__host-okta', as: 'sid' }] },
      /^cookies\[0\]\.name: .+write "__Host-"/,
    ],
    ['a prefix alone', { cookies: [{ name: '__Host-', as: 'sid' }] }, /^cookies\[0\]\.name/],
    [
      'signed as text',
      { cookies: [{ name: 'a', as: 'sid', signed: 'yes' }] },
      /^cookies\[0\]\.signed: got "yes"/,
    ],
    [
      'a signed cookie without a secret',
      { cookies: [{ name: '__Host-o', as: 'sid', signed: true }] },
      /^secret: missing, and needed by a signed cookie/,
    ],
    [
      'a __Host- cookie on http',
      { orgUrl: 'http://localhost', cookies: [{ name: '__Host-o', as: 'sid' }] },
      /^cookies: the name "__Host-o" with an http orgUrl; needs an https orgUrl; use "o" in development$/,
    ],
    [
      'a __Secure- cookie on http',
      { orgUrl: 'http://localhost', cookies: [{ name: '__Secure-o', as: 'sid' }] },
      /^cookies: the name "__Secure-o"/,
    ],
    [
      'a signed cookie on http',
      {
        secret,
        orgUrl: 'http://localhost',
        cookies: [{ name: '__Host-o', as: 'sid', signed: true }],
      },
      /^cookies: a signed cookie with an http orgUrl/,
    ],
    // secret
    [
      'a short secret',
      { secret: 'x'.repeat(31) },
      /^secret: got a string of 31 characters; must be a random string of at least 32 bytes/,
    ],
    ['a secret that is none', { secret: Buffer.alloc(32) }, /^secret: got an object/],
    [
      'one secret in an array',
      { secret: [secret] },
      /^secret: got an array of 1; must be one string, or \[current, previous\]/,
    ],
    [
      'a short previous secret',
      { secret: [secret, 'x'] },
      /^secret\[1\]: got a string of 1 characters/,
    ],
    [
      'a store without a secret',
      { cache: { store } },
      /^secret: missing, and needed by cache\.store/,
    ],
    // the rest
    [
      'allowNonBrowserClients 1',
      { allowNonBrowserClients: 1 },
      /^allowNonBrowserClients: got 1; must be true or false/,
    ],
    ['onDenied as text', { onDenied: 'redirect' }, /^onDenied: got "redirect"; must be a function/],
    ['pages as a function', { pages: () => '' }, /^pages: got a function; .+home, texts, render$/],
    ['a title in pages', { pages: { title: 'x' } }, /^pages\.title: no such option; known: home/],
    ['pages.text', { pages: { text: () => ({}) } }, /^pages\.text: .+did you mean `texts`\?/],
    [
      'a table of texts',
      { pages: { texts: { forbidden: { title: 'x' } } } },
      /^pages\.texts: got an object; must be a function .+write \(\{ code \}\) => table\[code\]$/,
    ],
    ['a rendered page', { pages: { render: '<p>' } }, /^pages\.render: .+\(page, req\) => HTML$/],
    ['a home that is neither', { pages: { home: 'start' } }, /^pages\.home: .+must be a path/],
    ['a home: true', { pages: { home: true } }, /^pages\.home: got true; .+or false for no link$/],
    ['a home of another host', { pages: { home: '//evil.example' } }, /^pages\.home/],
    ['a home that is a script', { pages: { home: 'javascript:alert(1)' } }, /^pages\.home/],
    [
      'a home with a user',
      { pages: { home: 'https://a:b@a.example/' } },
      /^pages\.home: .+\*\*\*@/,
    ],
    ['an empty home', { pages: { home: '' } }, /^pages\.home/],
    ['logger: true', { logger: true }, /^logger: got true; must be false or an object with warn/],
    ['a logger without warn', { logger: { info() {} } }, /^logger: got an object/],
    ['a logger whose info is none', { logger: { warn() {}, info: 'x' } }, /^logger: got an object/],
    ['an empty property', { property: '' }, /^property: got ""/],
    ['a property with a dash', { property: 'okta-session' }, /^property: .+must be an identifier/],
    ['a property that is none', { property: Symbol('x') }, /^property: got a symbol/],
    // names
    ['orgURL', { orgURL: org }, /^orgURL: no such option; did you mean `orgUrl`\?/],
    ['issuer', { issuer: org }, /did you mean `orgUrl`\?/],
    ['issuerBaseURL', { issuerBaseURL: org }, /did you mean `orgUrl`\?/],
    ['domain', { domain: 'x' }, /did you mean `orgUrl`\?/],
    ['baseURL', { baseURL: 'x' }, /did you mean `appUrl`\?/],
    ['redirectUri', { redirectUri: 'x' }, /did you mean `signInUrl`\?/],
    ['maxAge', { maxAge: 5 }, /did you mean `cache\.ttlMs`\?/],
    ['ttl', { ttl: 5 }, /did you mean `cache\.ttlMs`\?/],
    ['ttlMs at the top', { ttlMs: 5 }, /did you mean `cache\.ttlMs`\?/],
    ['timeout', { timeout: 5 }, /did you mean `upstream\.timeoutMs`\?/],
    ['token', { token: 'x' }, /did you mean `credentials\.apiToken`\?/],
    ['a typo', { trustedOrigns: [] }, /did you mean `trustedOrigins`\?/],
    ['a typo in a short name', { cahce: {} }, /did you mean `cache`\?/],
    ['ttl in cache', { cache: { ttl: 5 } }, /^cache\.ttl: no such option; did you mean `ttlMs`\?/],
    ['maxTTL in cache', { cache: { maxTTL: 5 } }, /did you mean `maxTtlMs`\?/],
    ['maxSize in cache', { cache: { maxSize: 5 } }, /did you mean `maxSessions`\?/],
    [
      'timeout in upstream',
      { upstream: { timeout: 5 } },
      /^upstream\.timeout: no such option; did you mean `timeoutMs`\?/,
    ],
    [
      'rate in a budget',
      { upstream: { failedLookups: { perSec: 5 } } },
      /did you mean `perSecond`\?|known: perSecond, burst/,
    ],
    [
      'scope in credentials',
      { credentials: { accessToken: 'x', scope: 'x' } },
      /^credentials\.scope: .+did you mean `scopes`\?/,
    ],
    [
      'sign in a cookie',
      { cookies: [{ name: 'a', as: 'sid', sign: true }] },
      /^cookies\[0\]\.sign: .+did you mean `signed`\?|known: name/,
    ],
    ['nothing alike', { flavour: 1 }, /^flavour: no such option; known: orgUrl, appUrl/],
    ['a name of Object', { constructor: 1 }, /^constructor: no such option/],
    [
      'an own __proto__',
      JSON.parse('{"__proto__": {"orgUrl": "x"}}'),
      /^__proto__: no such option/,
    ],
    ['an empty name', { '': 1 }, /^"": no such option/],
    ['a name with a line end', { 'a\nb': 1 }, /^"a\\nb": no such option/],
  ])('oktaSession() refuses %s', (_, options, fault) => {
    expect(faultsOf({ orgUrl: org, ...Object.fromEntries(Object.entries(options)) })).toEqual([
      expect.stringMatching(fault),
    ])
  })

  test.each([
    ...['headers', 'url', 'method', 'socket', 'session', 'body', 'query', 'params', 'cookies'],
    ...['ip', 'protocol', 'originalUrl', 'on', 'pipe', 'read', 'destroy', 'rawHeaders', 'get'],
    ...['constructor', 'toString', 'hasOwnProperty', 'valueOf'],
  ])('the property %s is refused, which requests have already', (property) => {
    expect(faultsOf({ orgUrl: org, property })).toEqual([
      expect.stringMatching(/^property: .+requests have that already/),
    ])
  })

  test.each(['__proto__', '_events'])('the property %s is refused', (property) => {
    expect(faultsOf({ orgUrl: org, property })).toHaveLength(1)
  })
})
