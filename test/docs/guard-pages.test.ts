/** The document on guard pages quotes the recipe that the tests run, and names every state. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { pages } from '../../examples/recipes/translated-pages.js'
import { root } from './compile.js'

const read = (name: string) => readFileSync(join(root, name), 'utf8')
const text = read('docs/guard-pages.md')

describe('the document on guard pages', () => {
  it('quotes the recipe', () => {
    const recipe = read('examples/recipes/translated-pages.js')
    const snippets = [...text.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code = '']) => code)
    expect(snippets.length).toBeGreaterThan(1)
    expect(snippets.filter((code) => !recipe.includes(code))).toEqual([])
  })

  it('has a row for each code that has texts', () => {
    const [, type = ''] = /export type PageCode =(.*?)\n\n/s.exec(read('src/public-types.ts')) ?? []
    const [, denials = ''] =
      /export type DenialCode =(.*?)\n\n/s.exec(read('src/public-types.ts')) ?? []
    const codes = [...(denials + type).matchAll(/'(\w+)'/g)].map(([, code]) => code)
    const rows = [...text.matchAll(/^\| `(\w+)` \| \d/gm)].map(([, code]) => code)
    expect(codes.length).toBeGreaterThan(10)
    expect(rows.toSorted()).toEqual(codes.toSorted())
    expect(pages.home).toBe('/start')
  })

  it('shows pictures that exist', () => {
    const pictures = [...text.matchAll(/\((screenshots\/[\w-]+\.png)\)/g)].map(([, path]) => path)
    expect(pictures.length).toBeGreaterThan(2)
    expect(pictures.filter((path) => !existsSync(join(root, 'docs', String(path))))).toEqual([])
  })

  it('is linked from the README', () => {
    expect(read('README.md')).toContain('(docs/guard-pages.md)')
  })
})
