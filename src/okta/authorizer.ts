/** How an operation comes by the headers that authorise it, whatever the credentials. */
import type { Outcome } from '../contracts.js'
import type { Deadline } from './deadline.js'
import type { Aborted, Answered, Failed } from './exchange.js'
import type { Target } from './target.js'

/** Headers to send, or the reason why there are none: what the token request came to. */
export type Authorization =
  | {
      readonly kind: 'headers'
      readonly headers: Readonly<Record<string, string>>
      /** The secrets in those headers, bare. */
      readonly secrets: readonly string[]
    }
  | { readonly kind: 'refused'; readonly outcome: Outcome<never> }
  | Failed
  | Aborted

/** One operation's way to its headers. */
export interface Attempt {
  /** Headers for one try. A token serves all tries of an operation; a proof is signed for each. */
  show(): Promise<Authorization>
  /** After an answer: whether it calls for a try with other headers, which show() then gives. */
  reconsider(answer: Answered): boolean
}

export interface Authorizer {
  begin(target: Target, deadline: Deadline): Attempt
}
