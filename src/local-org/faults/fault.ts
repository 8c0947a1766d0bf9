/** The failures between a client and Okta, as data: a fault is one way in which an answer is bad. */

interface Replacing {
  /** Whether the operation still takes effect, so that only its answer is lost. Default false. */
  readonly performs?: boolean
}

/** Okta sends another answer. */
export type AnswerFault =
  | (Replacing & {
      /**
       * Another status. Without `body`: Okta's error envelope with `errorCode` and `errorSummary`, or
       * with the usual ones of that status. With `body`: a string as it is, any other value as JSON.
       */
      readonly kind: 'status'
      readonly status: number
      readonly errorCode?: string
      readonly errorSummary?: string
      readonly body?: unknown
      /** Default `application/json`, or `text/plain` when `body` is a string. */
      readonly contentType?: string
      /** More headers, such as `{ 'retry-after': '3' }`. */
      readonly headers?: Readonly<Record<string, string>>
    })
  /** The 429 of an exhausted rate-limit window, regardless of the requests counted. */
  | (Replacing & { readonly kind: 'rate_limit' })
  /** The 429 of the concurrency limit: limit 0, remaining 0, and an estimated reset. */
  | (Replacing & { readonly kind: 'concurrency_limit' })
  /** An HTML page instead of JSON. Status 200 unless given. */
  | (Replacing & { readonly kind: 'html'; readonly status?: number })
  /** Status 302 to the sign-in page unless given. */
  | (Replacing & {
      readonly kind: 'redirect'
      readonly status?: number
      readonly location?: string
    })

/** Okta's own answer, altered. */
export type SpoilingFault =
  /** The unchanged answer, late by `delayMs`. */
  | { readonly kind: 'delay' }
  /** The first half of the JSON, with a matching Content-Length. */
  | { readonly kind: 'malformed_body' }
  /** `bytes` of white space after the JSON; 1 MiB unless given. */
  | { readonly kind: 'huge_body'; readonly bytes?: number }
  /** A gzip-compressed body, regardless of Accept-Encoding. */
  | { readonly kind: 'gzip_body' }
  /** Another content type: `text/plain` unless given; `null` for none. */
  | { readonly kind: 'content_type'; readonly contentType?: string | null }
  /** Fields of the body removed, and others set to any JSON value. */
  | {
      readonly kind: 'fields'
      readonly remove?: readonly string[]
      readonly set?: Readonly<Record<string, unknown>>
    }
  /** Headers sent twice with different values: `date` and `x-rate-limit-*` unless given. */
  | { readonly kind: 'duplicate_headers'; readonly names?: readonly string[] }
  /** Additional Set-Cookie lines; by default the unrelated ones that real orgs send. */
  | { readonly kind: 'set_cookie'; readonly lines?: readonly string[] }

/** The connection fails. */
export type ConnectionFault =
  /** The connection is accepted and never answered, not even with headers. */
  | (Replacing & { readonly kind: 'hang' })
  /** The connection is reset before the first byte. */
  | (Replacing & { readonly kind: 'reset' })
  /** Bytes that are not HTTP. */
  | (Replacing & { readonly kind: 'not_http' })
  /** The headers at once, the body in chunks over `overMs` milliseconds. */
  | { readonly kind: 'slow_body'; readonly overMs: number }
  /** The connection ends after half of the body that Content-Length announced. */
  | { readonly kind: 'truncated_body' }

/**
 * One way in which an answer is bad.
 *
 * @example
 * const fault: Fault = { kind: 'status', status: 503, delayMs: 500 }
 */
export type Fault = (AnswerFault | SpoilingFault | ConnectionFault) & {
  /**
   * Milliseconds to delay the answer. The operation takes effect at once, so the delayed answer may be
   * out of date when it arrives.
   */
  readonly delayMs?: number
}

/** The `kind` of a fault, for example `hang`. */
export type FaultKind = Fault['kind']
