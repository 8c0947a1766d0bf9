/** The document on recipes quotes the files that the tests run. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { root } from './compile.js'

const read = (name: string) => readFileSync(join(root, name), 'utf8')
const sections = read('docs/recipes.md').split(/^## /m).slice(1)

describe('the document on recipes', () => {
  it.each(sections.map((section) => [section.split('\n')[0] ?? '', section]))(
    'quotes its files: %s',
    (_, section) => {
      const files = [...section.matchAll(/\]\(\.\.\/(examples\/[\w./-]+\.(?:js|d\.ts))\)/g)]
      const code = files.map(([, name = '']) => read(name))
      const snippets = [...section.matchAll(/^```\w+\n(.*?)^```$/gms)].map(([, text = '']) => text)
      expect(snippets.length).toBeGreaterThan(0)
      expect(snippets.filter((snippet) => !code.some((text) => text.includes(snippet)))).toEqual([])
    },
  )

  it('numbers its recipes, and says what goes wrong without each', () => {
    expect(sections.map((section) => Number.parseInt(section, 10))).toEqual(
      sections.map((_, index) => index + 1),
    )
    expect(sections.filter((section) => !/^Without it[:,]/m.test(section))).toEqual([])
  })

  it('is linked from the README', () => {
    expect(read('README.md')).toContain('(docs/recipes.md)')
  })
})
