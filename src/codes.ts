/**
 * The codes of log lines (`EOS1xx`), option faults (`EOS2xx`) and misuse (`EOS3xx`), each with its title, and the
 * link of a code to its section of docs/errors.md. A number that was given once is not given again.
 */

export const CODES = {
  EOS101: 'Okta gives no usable answer',
  EOS102: 'Okta answers again',
  EOS103: 'Okta refuses calls for a reason that is not the session',
  EOS104: 'Okta refuses a token to the service app',
  EOS105: 'Okta refuses sign-ins because of the API token, or by a policy',
  EOS106: 'Okta refuses sign-ins for a reason that is not the session token',
  EOS107: 'Okta refuses calls by session id because of their credentials',
  EOS108: "Okta's clock and this machine's clock differ",
  EOS111: 'Too many sign-outs wait to be sent to Okta',
  EOS112: 'Sign-outs did not reach Okta',
  EOS121: 'Redis can not be used',
  EOS122: 'Redis can be used again',
  EOS123: 'Revocations reach the other instances late',
  EOS124: 'Revocations reach the other instances again',
  EOS125: 'Revocations of another instance can not be read',
  EOS126: 'The other instances were not told of a change',
  EOS131: 'attachSession() runs twice for one request',
  EOS132: 'All clients have the address of a proxy',
  EOS133: 'A request was refused for a mistake of a developer',
  EOS134: 'A browser sends session cookies that contradict each other',
  EOS135: 'A browser returns from sign-in without a session cookie',
  EOS136: 'Cookies and tokens cross the network in clear',
  EOS137: 'A refresh after the response failed',
  EOS138: 'A callback of watch() threw',
  EOS139: 'The app’s texts or HTML of a page cannot be used',
  EOS141: 'Pushes reach one process only',
  EOS142: 'The secret of an event hook is short',
  EOS143: 'An event hook was verified with another secret',
  EOS144: 'An event hook delivered malformed events',
  EOS145: 'A security event names no user, login or session',
  EOS151: 'The check of the org found what needs attention',
  EOS152: 'The check of the org found no fault',
  EOS201: 'Unknown option',
  EOS202: 'Unknown option with a name like that of a known one',
  EOS203: 'Wrong type or kind of value',
  EOS204: 'Number out of range',
  EOS205: 'Missing option',
  EOS206: 'Insecure value',
  EOS207: 'Options that contradict each other',
  EOS208: 'Not a URL, an origin or a path',
  EOS209: 'A token, a key or a secret that can not be used',
  EOS210: 'A name that is in use, or that can not be one',
  EOS211: 'An option without a plain value',
  EOS301: 'A factory was mounted itself',
  EOS302: 'oktaSession was mounted itself',
  EOS303: 'authenticate() was mounted as a handler',
  EOS304: 'session(req) without a guard',
  EOS305: 'A request with a Cookie header in capitals',
  EOS306: 'A request without headers',
  EOS307: 'forget() without exactly one target',
  EOS308: 'A rule that is undefined',
  EOS309: 'More than one argument for a guard',
  EOS310: 'Options that are no plain object',
  EOS311: 'watch() without a callback',
  EOS312: 'Two orgs with the same cookies',
  EOS313: 'login() without a cookie to set',
  EOS314: 'A cookie that can not be sent to Okta',
  EOS315: 'A session id that can not be sent to Okta',
  EOS316: 'A session token that can not be sent to Okta',
  EOS317: 'A signal that is no AbortSignal',
  EOS318: 'An access token that can not be sent to Okta',
  EOS319: 'signInUrl() gave no URL',
  EOS320: 'A store that redisStore() did not make',
} as const

export type Code = keyof typeof CODES

/** The codes of lines that the app's logger gets. */
export type LineCode = Extract<Code, `EOS1${string}`>

/** The codes of faults in options. */
export type FaultCode = Extract<Code, `EOS2${string}`>

/** The codes of problem answers, and of the errors that sharedSignals() answers (RFC 8935). */
export type ProblemCode =
  | 'session_required'
  | 'mfa_required'
  | 'mfa_enroll_required'
  | 'session_incomplete'
  | 'reauthentication_required'
  | 'forbidden'
  | 'okta_unavailable'
  | 'too_many_attempts'
  | 'sign_in_failed'
  | 'cross_site'
  | 'method_not_allowed'
  | 'invalid_request'
  | 'body_already_read'
  | 'body_too_slow'
  | 'body_too_large'
  | 'unsupported_media_type'
  | 'challenge_missing'
  | 'invalid_secret'
  | 'invalid_token'
  | 'other_client'
  | 'subject_not_supported'
  | 'not_configured'
  | 'revocation_not_recorded'
  | 'keys_unavailable'
  | 'too_slow'
  | 'closed'
  | 'invalid_key'
  | 'invalid_issuer'
  | 'invalid_audience'
  | 'authentication_failed'

/** The page lies in the package: the link is a path in node_modules until the project has an address. */
export const ERRORS_PAGE = 'express-okta-session/docs/errors.md'

/** The text with its code and the link to the code's section. */
export function coded(code: Code, text: string): string {
  return `${text} (${code}: ${linkTo(code.toLowerCase())})`
}

/** The TypeError for a call that the app's developer has to correct. Its stack begins with the caller. */
export function misuse(code: Code, text: string): TypeError {
  const error = new TypeError(coded(code, text))
  Error.captureStackTrace(error, misuse)
  return error
}

/** The text of an error or an answer whose code it has beside it, with the link to the code's section. */
export function linked(kind: 'unavailable' | 'problem', code: string, text: string): string {
  return `${text} (${linkTo(`${kind}-${code}`)})`
}

/** Without an anchor: the page. */
export function linkTo(anchor?: string): string {
  return anchor === undefined ? ERRORS_PAGE : `${ERRORS_PAGE}#${anchor}`
}
