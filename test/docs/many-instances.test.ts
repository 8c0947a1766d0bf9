/** The document on many instances agrees with the code: its snippets compile, its fields and log lines exist. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { faultsOf, root } from './compile.js'

const text = readFileSync(join(root, 'docs/many-instances.md'), 'utf8')

describe('the document on many instances', () => {
  it('the snippets that mount a store compile with the types of each client', {
    timeout: 60_000,
  }, () => {
    const snippets = [...text.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code = '']) => code)
    const clients = ['createClient(', 'createCluster(', 'createSentinel(', 'new Redis(']
    for (const client of [...clients, 'new Cluster(', 'command:'])
      expect(snippets.filter((code) => code.includes(client)).length, client).toBeGreaterThan(0)
    expect(
      faultsOf(
        snippets.map((code, index) => ({ name: join(root, `many-instances-${index}.ts`), code })),
      ),
    ).toEqual([])
  })

  it('the table of stats().store names each field', () => {
    const [, body = ''] =
      /export interface StoreStats \{(.*?)^\}/ms.exec(read('src/public-types.ts')) ?? []
    const fields = [...body.matchAll(/readonly (\w+)\??:/g)].map(([, name = '']) => name)
    expect(fields).toContain('logLagMs')
    const named = section('What to watch').flatMap(([first = '']) => quoted(first))
    expect(named.toSorted()).toEqual(fields.toSorted())
  })

  it('the log lines that the document quotes are those of the code', () => {
    // Long lines are concatenated in the code, and some are built with a template.
    const code = sources()
      .map(read)
      .join('\n')
      .replaceAll(/' \+\s*'/g, '')
      .replaceAll(`\${what}`, '')
    const lines = section('Log lines').flatMap(([first = '']) => quoted(first))
    expect(lines.length).toBeGreaterThan(4)
    const parts = lines.flatMap((line) => line.split(/(?<=sign-outs)(?=\. They)/))
    expect(parts.filter((part) => !code.includes(part))).toEqual([])
  })
})

/** The rows of the table under this heading, without the two that head it. */
function section(heading: string): readonly (readonly string[])[] {
  const [, body = ''] = text.split(`\n## ${heading}\n`)
  const rows = (body.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('| '))
  return rows.slice(2).map((row) => row.split('|').slice(1))
}

function quoted(cell: string): readonly string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)
}

function sources(): readonly string[] {
  return readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `src/${name}`)
}

function read(name: string): string {
  return readFileSync(join(root, name), 'utf8')
}
