/** The document on operations agrees with the code: metrics, attributes, statistics, channels, alerts and codes. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createNoopMeter, type MetricOptions } from '@opentelemetry/api'
import { channels } from 'express-okta-session'
import { instrument } from 'express-okta-session/opentelemetry'
import { load } from 'js-yaml'
import { describe, expect, it } from 'vitest'
import { CODES } from '../../src/codes.js'
import { root } from './compile.js'

const read = (name: string) => readFileSync(join(root, name), 'utf8')
const page = read('docs/operations.md')

/** What the code makes, as the table writes it. */
function instruments() {
  const made: { name: string; kind: string; unit: string }[] = []
  const meter = createNoopMeter()
  const note = (kind: string) => (name: string, options?: MetricOptions) => {
    made.push({ name, kind, unit: options?.unit ?? '' })
  }
  const [counter, gauge, histogram] = ['counter', 'gauge', 'histogram'].map(note)
  const noted = new Proxy(meter, {
    get(target, method: keyof typeof meter) {
      const listen =
        { createHistogram: histogram, createObservableGauge: gauge }[method as string] ??
        (/Counter$/.test(method) ? counter : undefined)
      if (listen === undefined) return target[method]
      return (name: string, options?: MetricOptions) => {
        listen(name, options)
        return (target[method] as (name: string, options?: MetricOptions) => unknown)(name, options)
      }
    },
  })
  instrument({ meterProvider: { getMeter: () => noted } }).disable()
  return made
}

describe('the document on operations', () => {
  it('its table of metrics is what the code makes: names, kinds and units', () => {
    const documented = section('Metrics').map(([name = '', , kind = '', unit = '']) => ({
      name: quoted(name).join(),
      kind: kind.trim(),
      unit: quoted(unit).join(),
    }))
    expect(documented.toSorted(byName)).toEqual(instruments().toSorted(byName))
  })

  it('spells the names as the exporter for Prometheus does', () => {
    for (const [name = '', prometheus = '', kind = ''] of section('Metrics')) {
      const spelled = quoted(name).join().replaceAll('.', '_')
      expect(quoted(prometheus)).toEqual([kind.trim() === 'counter' ? `${spelled}_total` : spelled])
    }
  })

  it('names the attributes of metrics and spans, and no other', () => {
    const code = readdirSync(join(root, 'src/opentelemetry'))
      .map((name) => read(`src/opentelemetry/${name}`))
      .join('\n')
    const inCode = code.matchAll(/'((?:server|http|url|db|error|okta_session)\.[\w.]+)'/g)
    const cells = [
      ...section('Metrics').map(([, , , , attributes = '']) => attributes),
      ...section('Spans').flatMap(([name = '', , attributes = '']) => [name, attributes]),
    ]
    const named = cells.flatMap(quoted).filter((each) => /^[a-z_]+(\.[a-z_]+)+$/.test(each))
    expect(unique(named)).toEqual(unique([...inCode].map(([, name = '']) => name)))
  })

  it('names each field of stats()', () => {
    const [, body = ''] =
      /interface OktaSessionStats \{(.*?)^\}/ms.exec(read('src/okta-session-types.ts')) ?? []
    const fields = [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, name = '']) => name)
    expect(fields).toContain('heldOff')
    expect(unique(section('stats()').flatMap(([first = '']) => quoted(first)))).toEqual(
      unique(fields),
    )
  })

  it('names each channel, and which of them are traced', () => {
    const rows = section('Channels')
    expect(rows.flatMap(([first = '']) => quoted(first))).toEqual(
      expect.arrayContaining(Object.keys(channels)),
    )
    expect(rows).toHaveLength(Object.keys(channels).length)
    const [, tracers = ''] = /export const tracers = \{(.*?)\}/s.exec(read('src/channels.ts')) ?? []
    const traced = rows.filter(([, , cell = '']) => cell.trim() === 'yes')
    expect(unique(traced.flatMap(([first = '']) => quoted(first)))).toEqual(
      unique([...tracers.matchAll(/(\w+): tracing/g)].map(([, name = '']) => name)),
    )
  })

  it('names each alert, each of which leads to a heading of the page', () => {
    const { groups } = load(read('examples/metrics/alerts.yml')) as {
      groups: { rules: { alert: string; annotations: { runbook: string } }[] }[]
    }
    const rules = groups.flatMap((group) => group.rules)
    expect(rules.length).toBeGreaterThan(10)
    expect(rules.filter(({ alert }) => !page.includes(`\`${alert}\``))).toEqual([])
    const anchors = [...page.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
      heading.toLowerCase().replaceAll(' ', '-'),
    )
    for (const { annotations } of rules)
      expect(anchors.map((anchor) => `docs/operations.md#${anchor}`)).toContain(annotations.runbook)
    const alerts = rules.map(({ alert }) => alert)
    for (const [, row = ''] of page.matchAll(/^\| alerts \| (.*) \|$/gm))
      for (const name of quoted(row)) expect(alerts).toContain(name)
  })

  it('names codes that exist', () => {
    const codes = [...page.matchAll(/EOS\d+/g)].map(([code]) => code)
    expect(codes.filter((code) => !Object.hasOwn(CODES, code))).toEqual([])
  })

  it('shows only code of the example', () => {
    const flat = (code: string) => code.replace(/^ +/gm, '').trim()
    const snippets = [...page.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code = '']) => flat(code))
    expect(snippets.length).toBeGreaterThan(0)
    for (const snippet of snippets) expect(flat(read('examples/metrics/app.js'))).toContain(snippet)
  })

  it('quotes the pages as users see them', () => {
    const pages = read('src/http/page-texts.ts')
    const titles = [...page.matchAll(/^\| page \| (.*) \|$/gm)].flatMap(([, cell = '']) =>
      [...cell.matchAll(/"([^"]+)"/g)].map(([, title = '']) => title),
    )
    expect(titles.length).toBeGreaterThan(0)
    expect(titles.filter((title) => !pages.includes(title))).toEqual([])
  })
})

function byName(one: { name: string }, other: { name: string }): number {
  return one.name < other.name ? -1 : 1
}

function unique(names: readonly string[]): readonly string[] {
  return [...new Set(names)].toSorted()
}

/** The cells of the table under this heading. */
function section(heading: string): readonly (readonly string[])[] {
  const [, body = ''] = page.split(`\n## ${heading}\n`)
  const rows = (body.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('| '))
  return rows.slice(2).map((row) => row.split('|').slice(1))
}

function quoted(cell: string): readonly string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)
}
