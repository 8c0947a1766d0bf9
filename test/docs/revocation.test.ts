/** The document on revocation agrees with the code: its snippets compile, and its table of events is the code's. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readHookEvents } from '../../src/okta/hook-events.js'
import { faultsOf, root } from './compile.js'

const text = readFileSync(join(root, 'docs/revocation.md'), 'utf8')
const source = readFileSync(join(root, 'src/okta/hook-events.ts'), 'utf8')

describe('the document on revocation', () => {
  it('its snippets compile', { timeout: 60_000 }, () => {
    const [first = '', ...others] = [...text.matchAll(/^```js\n(.*?)^```$/gms)].map(
      ([, code = '']) => code,
    )
    expect(others.length).toBeGreaterThan(1)
    // The later snippets go on with the app of the first.
    const app = first.slice(0, first.indexOf('app.use('))
    const files = [first, ...others.map((code) => app + code)].map((code, index) => ({
      name: join(root, `revocation-${index}.ts`),
      code,
    }))
    expect(faultsOf(files)).toEqual([])
  })

  it('its table has each event that revokes, and no other', () => {
    const [, table = ''] = text.split('| event | what no longer counts |')
    const rows = (table.split('\n\n')[0] ?? '').split('\n').filter((row) => row.startsWith('| `'))
    const named = rows.flatMap((row) =>
      [...(row.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, type = '']) => type),
    )
    const known = [...source.matchAll(/^ {2}\['(user\.[\w.]+)', /gm)].map(([, type = '']) => type)
    expect(known.length).toBeGreaterThan(10)
    expect(named.toSorted()).toEqual(known.toSorted())
    for (const eventType of named) {
      const event = { eventType, target: [{ type: 'User', id: '00u1' }] }
      expect(readHookEvents({ data: { events: [event] } })?.pushes, eventType).toMatchObject([
        { subjects: [{ kind: 'user', id: '00u1' }] },
      ])
    }
  })
})
