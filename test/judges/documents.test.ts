/** What the documents say of operations and environment is what there is. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { SessionApi } from '../../src/okta/session-api.js'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

function named(text: string, pattern: RegExp): string[] {
  return [...new Set(Array.from(text.matchAll(pattern), ([whole, part = whole]) => part))].sort()
}

describe('the documents', () => {
  it('the page of options names every environment variable of Okta’s that is read, and no other', () => {
    const variable = /OKTA_CLIENT_[A-Z]+/g
    const code = ['credentials', 'table'].map((name) => read(`src/options/${name}.ts`))
    expect(named(read('docs/options.md'), variable)).toEqual(named(code.join(), variable))
  })

  it('the page of the Sessions API lists its operations, and no other', () => {
    const operations = Object.getOwnPropertyNames(SessionApi.prototype)
      .filter((name) => name !== 'constructor' && name !== 'close')
      .sort()
    expect(
      named(read('docs/sessions-api.md'), /^\| `(\w+)\([^`]*\)` \| `(?:GET|POST|DELETE) \/api/gm),
    ).toEqual(operations)
  })
})
