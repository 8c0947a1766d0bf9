/** The header lines of an answer, as often as each was sent. */

export interface AnswerHeaders {
  /** The values of a header, given its name in lower case. */
  get(name: string): readonly string[] | undefined
}

/**
 * Node joins or drops repeated headers, and trips over one named `constructor`; here a repeated one is
 * seen as such. A handful of names is asked for, so nothing is built for all the others.
 */
export function readHeaders(rawHeaders: readonly string[]): AnswerHeaders {
  return {
    get(name) {
      let values: string[] | undefined
      for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
        const given = rawHeaders[i] ?? ''
        if (given.length !== name.length || given.toLowerCase() !== name) continue
        values ??= []
        values.push(rawHeaders[i + 1] ?? '')
      }
      return values
    },
  }
}

/** The value of a header sent exactly once. */
export function soleValue(headers: AnswerHeaders, name: string): string | undefined {
  const values = headers.get(name)
  return values?.length === 1 ? values[0] : undefined
}
