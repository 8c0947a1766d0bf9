/** An answer as data: handlers return it, a fault may change it, and one module writes it. */

export type Header = readonly [name: string, value: string]

export interface Answer {
  readonly status: number
  /** In the order they are sent; a name may occur more than once. */
  readonly headers: readonly Header[]
  readonly body: string | Buffer
}

export function jsonAnswer(
  status: number,
  value: unknown,
  headers: readonly Header[] = [],
): Answer {
  return textAnswer(status, 'application/json', JSON.stringify(value), headers)
}

export function textAnswer(
  status: number,
  contentType: string,
  body: string,
  headers: readonly Header[] = [],
): Answer {
  return { status, headers: [['content-type', contentType], NO_STORE, ...headers], body }
}

export function emptyAnswer(status: number, headers: readonly Header[] = []): Answer {
  return { status, headers: [NO_STORE, ...headers], body: '' }
}

export function redirectAnswer(
  status: 302 | 303,
  location: string,
  headers: readonly Header[] = [],
): Answer {
  return emptyAnswer(status, [['location', location], ...headers])
}

const NO_STORE: Header = ['cache-control', 'no-cache, no-store']
