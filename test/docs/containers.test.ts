/** The document on containers agrees with the files that it describes, and says what was not checked. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { load } from 'js-yaml'
import { describe, expect, it } from 'vitest'
import { HEALTH_PATH } from '../../examples/containers/with-health.js'
import { folder, readContainerFile, readServices } from '../containers/compose.js'
import { root } from './compile.js'

const file = join(root, 'docs/containers.md')
const text = readFileSync(file, 'utf8')

describe('the document on containers', () => {
  it('links to files and headings that exist', () => {
    const links = [...text.matchAll(/\]\(([^)#]*)(?:#([^)]*))?\)/g)]
    expect(links.length).toBeGreaterThan(15)
    for (const [link, path = '', heading] of links) {
      const target = path === '' ? file : join(dirname(file), path)
      expect(existsSync(target), link).toBe(true)
      if (heading !== undefined) expect(headingsOf(target), link).toContain(heading)
    }
  })

  it('names each service, and the command that stands in compose.yaml', () => {
    const named = rowsOf('service').flatMap(quoted)
    expect(named.toSorted()).toEqual(Object.keys(readServices()).toSorted())
    const [, command = ''] = /^```sh\n(.*)\n```$/m.exec(text) ?? []
    expect(readContainerFile('compose.yaml')).toContain(`#   ${command}\n`)
    expect(text).toContain(`http://localhost:${readServices().nginx?.ports?.[0]?.split(':')[1]}/`)
  })

  it('names each setting that the server reads', () => {
    const code = readdirSync(folder)
      .filter((name) => name.endsWith('.js') && name !== 'healthcheck.js')
      .map(readContainerFile)
      .join('\n')
    const read = [
      ...[...code.matchAll(/\benv\.([A-Z_]+)/g)].map(([, name = '']) => name),
      ...['SESSION_SECRET', 'SESSION_SECRET_FILE', 'OKTA_CLIENT_ORGURL'],
      ...['OKTA_HOOK_SECRET', 'OKTA_SIGNALS_AUDIENCE', 'OKTA_LOGOUT_CLIENT_ID'],
    ]
    const named = rowsOf('variable').flatMap(quoted)
    expect(named.toSorted()).toEqual([...new Set(read)].toSorted())
  })

  it('has snippets in YAML whose probes ask for the health of the app', () => {
    const snippets = [...text.matchAll(/^( *)```yaml\n(.*?)^ *```$/gms)].map(
      ([, indent = '', code = '']) => load(code.replaceAll(new RegExp(`^${indent}`, 'gm'), '')),
    )
    expect(snippets).toHaveLength(2)
    const probe = { httpGet: { path: HEALTH_PATH, port: 3000 } }
    expect(snippets[1]).toMatchObject({
      spec: {
        template: {
          spec: { containers: [{ livenessProbe: probe, readinessProbe: probe }] },
        },
      },
    })
  })

  it('names the base image, and the sizes that the benchmarks show', () => {
    const [, base = ''] = /^FROM (node:\S+)/m.exec(readContainerFile('Dockerfile')) ?? []
    expect(text).toContain(`\`${base}@sha256:`)
    const benchmarks = readFileSync(join(root, 'docs/benchmarks.md'), 'utf8')
    expect(benchmarks).toContain('786 bytes per session, 385 bytes per record of the log')
    expect(text).toContain('786 bytes, and 385 bytes for a record')
  })

  it('says that the image was not built, and is linked from the README', () => {
    expect(text).toContain('The image was not built with Docker')
    expect(readFileSync(join(root, 'README.md'), 'utf8')).toContain('(docs/containers.md)')
  })
})

/** The first cells of the table with this heading. */
function rowsOf(heading: string): readonly string[] {
  const [, table = ''] = text.split(`| ${heading} |`)
  const rows = (table.split('\n\n')[0] ?? '').split('\n').slice(2)
  return rows.map((row) => row.split('|')[1] ?? '')
}

function quoted(cell: string): readonly string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)
}

/** As GitHub makes anchors of headings. */
function headingsOf(path: string): readonly string[] {
  return [...readFileSync(path, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w -]/g, '')
      .replaceAll(' ', '-'),
  )
}
