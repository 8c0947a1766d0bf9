/** Answers mounting mistakes with the line to write instead. */

/** A factory handed to app.use() itself is called with the request as its option. */
export function refuseRequest(factory: string, option: unknown): void {
  if (typeof option !== 'object' || option === null) return
  if ('headers' in option && 'method' in option)
    throw new TypeError(
      `okta.${factory} was mounted itself; it makes a handler: write okta.${factory}() with the parentheses`,
    )
}

/** What session(req) says where no guard ran. */
export function missingGuard(property: string): TypeError {
  return new TypeError(
    `okta.session(req) has no session to return: put okta.requireSession() in front of this handler, or read req.${property} and look at its state`,
  )
}

/** Says something once, however often it happens. */
export function once(say: () => void): () => void {
  let said = false
  return () => {
    if (said) return
    said = true
    say()
  }
}
