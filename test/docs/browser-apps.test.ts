/** The document on browser apps quotes the example that the tests run. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { root } from './compile.js'

const read = (name: string) => readFileSync(join(root, name), 'utf8')
const text = read('docs/browser-apps.md')

describe('the document on browser apps', () => {
  it('quotes the example', () => {
    const example = readdirSync(join(root, 'examples/spa'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.js'))
      .map((name) => read(`examples/spa/${name}`))
    const snippets = [...text.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code = '']) => code)
    expect(snippets.length).toBeGreaterThan(5)
    expect(snippets.filter((code) => !example.some((file) => file.includes(code)))).toEqual([])
  })

  it('is linked from the README', () => {
    expect(read('README.md')).toContain('(docs/browser-apps.md)')
  })
})
