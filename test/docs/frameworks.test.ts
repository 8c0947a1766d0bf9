/** docs/frameworks.md quotes the examples, and names files that exist. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { root } from './compile.js'

const page = readFileSync(join(root, 'docs/frameworks.md'), 'utf8')
const examples = ['fastify', 'koa', 'hono', 'next', 'nest']

/** All code of the examples, without what is built from it. */
const code = examples
  .flatMap((name) =>
    readdirSync(join(root, 'examples', name), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.[jt]s$/.test(file) && !/^(\.next|dist)\//.test(file))
      .map((file) => readFileSync(join(root, 'examples', name, file), 'utf8')),
  )
  .join('\n')

describe('docs/frameworks.md', () => {
  it('quotes the examples', () => {
    const blocks = [...page.matchAll(/^```[jt]s\n([\s\S]*?)^```/gm)].map(([, block = '']) => block)
    expect(blocks.length).toBeGreaterThan(1)
    for (const block of blocks) expect(code).toContain(block)
  })

  it('names files that exist, and has a row for each example', () => {
    const links = [...page.matchAll(/\]\(\.\.\/([^)]+)\)/g)].map(([, path = '']) => path)
    expect(links.filter((path) => !existsSync(join(root, path)))).toEqual([])
    for (const name of examples)
      expect(page).toMatch(new RegExp(`^\\|.*\\(../examples/${name}/`, 'm'))
  })

  it('counts the requests and the servers of the conformance suite', () => {
    const suite = readFileSync(join(root, 'test/conformance/conformance.test.ts'), 'utf8')
    const rows = suite.slice(suite.indexOf('const ROWS'), suite.indexOf('const COMPARED'))
    expect(page).toContain(`the same ${rows.split(' method: ').length - 1} requests to all nine`)
    expect(suite).toContain('nine frameworks')
  })
})
