/** The document on proxies on the way out quotes the recipe that the tests run. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { failureCode } from '../../src/okta/exchange.js'
import { root } from './compile.js'

const read = (name: string) => readFileSync(join(root, name), 'utf8')
const text = read('docs/outgoing-proxies.md')

describe('the document on proxies on the way out', () => {
  it('quotes the recipe', () => {
    const recipe = read('examples/recipes/outgoing-proxy.js')
    const snippets = [...text.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code = '']) => code)
    expect(snippets.length).toBeGreaterThan(1)
    expect(snippets.filter((code) => !recipe.includes(code))).toEqual([])
  })

  it('names the code of each error', () => {
    const rows = [...text.matchAll(/^\| [^|]+ \| `(\w+)` \| (.+) \|$/gm)]
    const named = rows.flatMap(([, code = '', causes = '']) =>
      [...causes.matchAll(/`([A-Z_]+)`/g)].map(([, cause = '']) => [cause, code]),
    )
    expect(named.length).toBeGreaterThan(4)
    const actual = named.map(([cause = '']) => [
      cause,
      failureCode(Object.assign(new Error('failed'), { code: cause })),
    ])
    expect(named).toEqual(actual)
  })

  it('is linked from the README', () => {
    expect(read('README.md')).toContain('(docs/outgoing-proxies.md)')
  })
})
