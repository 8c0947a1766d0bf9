import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { PRESETS } from '../../src/local-org/faults/presets.js'
import { createLocalOrg } from '../../src/local-org/index.js'
import { CALL_NAMES } from '../../src/local-org/org/calls.js'
import { ACTIONS } from '../../src/local-org/pages/control.js'

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')
const guide = read('../../docs/local-org.md')

describe('the guide', () => {
  it('the guide shows the testing kit as it runs here', () => {
    for (const kit of ['./testing-kit.test.ts', './pushes-kit.test.ts'])
      expect(guide).toContain(`\`\`\`ts\n${read(kit).trimEnd()}\n\`\`\``)
  })

  it('the guide names every member, operation, kind of fault and action', async () => {
    const org = await createLocalOrg()
    await org.close()
    const members = Object.keys(org).filter((name) => name !== 'engine')
    for (const name of members) expect(guide).toMatch(new RegExp(`\`${name}[\`(.]`))
    for (const name of CALL_NAMES) expect(guide).toContain(`\`${name}\``)
    for (const { fault } of PRESETS) expect(guide).toContain(`| \`${fault.kind}\``)
    for (const name of Object.keys(ACTIONS)) expect(guide).toContain(`/console/${name}\``)
  })

  it('the guide names every option with its default', () => {
    const options = read('../../src/local-org/options.ts')
    const [, body = ''] = /interface LocalOrgOptions \{([\s\S]*?)\n\}/.exec(options) ?? []
    const names = [...body.matchAll(/readonly (\w+)\?:/g)].map(([, name]) => name)
    expect(names.length).toBeGreaterThan(10)
    for (const name of names) expect(guide).toContain(`| \`${name}\` | `)
  })
})
