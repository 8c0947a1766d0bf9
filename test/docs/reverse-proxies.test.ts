/** The document on reverse proxies quotes the files that the tests run and names what no test runs. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { recipeFile } from '../proxies/programs.js'
import { root } from './compile.js'

const text = readFileSync(join(root, 'docs/reverse-proxies.md'), 'utf8')

const quoted = (language: string) =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(
    ([, code = '']) => code,
  )

describe('the document on reverse proxies', () => {
  it.each([
    ['nginx', 'nginx'],
    ['caddy', 'caddyfile'],
  ] as const)('quotes the published files of %s', (proxy, language) => {
    const files = (['one-host', 'forward-auth'] as const).map((recipe) =>
      readFileSync(recipeFile(proxy, recipe), 'utf8'),
    )
    expect(quoted(language)).toEqual(files)
  })

  it('names the proxies that no test runs', () => {
    for (const proxy of ['Traefik', 'Envoy'])
      expect(text).toContain(`## ${proxy}\n\nNot run by our tests.`)
  })

  it('is linked from the README', () => {
    expect(readFileSync(join(root, 'README.md'), 'utf8')).toContain('(docs/reverse-proxies.md)')
  })
})
