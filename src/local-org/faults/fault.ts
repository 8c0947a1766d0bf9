/** What can go wrong between a client and Okta, as values: a fault is one way for an answer to be bad. */

interface Replacing {
  /** Whether the operation takes effect all the same, so that only its answer is lost. Default false. */
  readonly performs?: boolean
}

/** Okta answers something else. */
export type AnswerFault =
  | (Replacing & {
      /**
       * Another status: in Okta's envelope, with the code and words given or else the usual ones for
       * it; or, with a `body`, in any shape at all (text as it is, anything else as JSON).
       */
      readonly kind: 'status'
      readonly status: number
      readonly errorCode?: string
      readonly errorSummary?: string
      readonly body?: unknown
      /** Default `application/json`, or `text/plain` for a `body` of text. */
      readonly contentType?: string
      /** More headers, such as `{ 'retry-after': '3' }`. */
      readonly headers?: Readonly<Record<string, string>>
    })
  /** The 429 of an exhausted minute, whatever was used. */
  | (Replacing & { readonly kind: 'rate_limit' })
  /** The 429 for too many requests at once: limit 0, remaining 0, and a reset that is a guess. */
  | (Replacing & { readonly kind: 'concurrency_limit' })
  /** A page where JSON is due. Status 200 unless given. */
  | (Replacing & { readonly kind: 'html'; readonly status?: number })
  /** Status 302 to the sign-in page unless given. */
  | (Replacing & {
      readonly kind: 'redirect'
      readonly status?: number
      readonly location?: string
    })

/** Okta's own answer, spoilt. */
export type SpoilingFault =
  /** Nothing but late (see `delayMs`). */
  | { readonly kind: 'delay' }
  /** The body ends half way, and so does its JSON; the length is right. */
  | { readonly kind: 'malformed_body' }
  /** `bytes` more of white space after the JSON; 1 MiB unless given. */
  | { readonly kind: 'huge_body'; readonly bytes?: number }
  /** Compressed, asked for or not. */
  | { readonly kind: 'gzip_body' }
  /** Another content type: `text/plain` unless given; `null` for none. */
  | { readonly kind: 'content_type'; readonly contentType?: string | null }
  /** Fields of the body taken out, and others set to any value at all. */
  | {
      readonly kind: 'fields'
      readonly remove?: readonly string[]
      readonly set?: Readonly<Record<string, unknown>>
    }
  /** Headers sent twice with different values: `date` and `x-rate-limit-*` unless given. */
  | { readonly kind: 'duplicate_headers'; readonly names?: readonly string[] }
  /** Set-Cookie lines that say nothing of this session: what real orgs send besides, unless given. */
  | { readonly kind: 'set_cookie'; readonly lines?: readonly string[] }

/** The connection fails. */
export type ConnectionFault =
  /** Accepted and never answered, not even by headers. */
  | (Replacing & { readonly kind: 'hang' })
  /** The connection is reset before the first byte. */
  | (Replacing & { readonly kind: 'reset' })
  /** Bytes that are no HTTP. */
  | (Replacing & { readonly kind: 'not_http' })
  /** Headers at once, the body in pieces over `overMs` milliseconds. */
  | { readonly kind: 'slow_body'; readonly overMs: number }
  /** The connection ends half way through the body that the headers promised. */
  | { readonly kind: 'truncated_body' }

export type Fault = (AnswerFault | SpoilingFault | ConnectionFault) & {
  /**
   * Milliseconds to hold the answer back. It is made, and the operation takes effect, at once: what
   * arrives late may no longer be true.
   */
  readonly delayMs?: number
}

export type FaultKind = Fault['kind']
