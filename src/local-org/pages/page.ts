/** The layout of the org's HTML pages: escaping, one style sheet, and security headers. */
import { createHash } from 'node:crypto'
import { type Answer, type Header, textAnswer } from '../http/answer.js'
import type { PageScript } from './live-update.js'

/** Markup that is safe to send: made by {@link html} only. */
export class Markup {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  toString(): string {
    return this.#text
  }
}

type Value = string | number | Markup | readonly Markup[] | false | undefined

/** An HTML template: escapes its values, except those that are markup. */
export function html(strings: TemplateStringsArray, ...values: readonly Value[]): Markup {
  const text = strings.reduce((done, part, index) => `${done}${toText(values[index - 1])}${part}`)
  return new Markup(text)
}

export interface Page {
  readonly status: number
  readonly title: string
  readonly body: Markup
  /** Reloads the page after this many seconds, where scripts do not run. Default: never. */
  readonly reloadSeconds?: number
  /** It may fetch from the org. Default: none. */
  readonly script?: PageScript
  readonly headers?: readonly Header[]
}

export function pageAnswer(page: Page): Answer {
  const document = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
${page.reloadSeconds !== undefined && html`<noscript><meta http-equiv="refresh" content="${page.reloadSeconds}"></noscript>`}
<title>${page.title} · local org</title>
${STYLE_ELEMENT}
</head>
<body>
${page.body}
${page.script && new Markup(`<script type="module">${page.script.source}</script>`)}
</body>
</html>
`
  return textAnswer(page.status, 'text/html; charset=utf-8', String(document), [
    ...pageHeaders(page.script),
    ...(page.headers ?? []),
  ])
}

/** The time of day of an ISO 8601 date. */
export function toTime(dateTime: string): Markup {
  return html`<time datetime="${dateTime}">${dateTime.slice(11, 19)}</time>`
}

function toText(value: Value): string {
  if (value === undefined || value === false) return ''
  if (value instanceof Markup) return String(value)
  if (typeof value === 'object') return value.join('')
  return String(value).replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

const STYLE = `
:root { color-scheme: light dark; --text: #1d232b; --muted: #56606d; --ground: #f4f5f7; --card: #fff;
  --line: #c9cfd6; --accent: #1a56c4; --on-accent: #fff; --bad: #a3161b; --good: #14652f }
@media (prefers-color-scheme: dark) { :root { --text: #e6e9ed; --muted: #a4adb8; --ground: #14181d;
  --card: #1d232b; --line: #434d59; --accent: #86b1ff; --on-accent: #0d1420; --bad: #ff9a9a; --good: #7ddc9a } }
* { box-sizing: border-box }
body { margin: 0; background: var(--ground); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif }
main { max-width: 26rem; margin: 0 auto; padding: 8vh 1rem 3rem }
main.wide { max-width: 72rem; padding-top: 1.5rem }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .75rem }
h2 { font-size: 1.1rem; margin: 0 0 .5rem }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
  padding: 1.25rem; margin: 0 0 1rem; overflow-x: auto }
.card > :first-child, .card form > label:first-of-type { margin-top: 0 }
.card > :last-child { margin-bottom: 0 }
@media (min-width: 64rem) { .columns { display: grid; grid-template: auto 1fr / 3fr 2fr; gap: 0 1rem }
  .columns > :first-child { grid-row: 1 / 3 } }
label { display: block; font-weight: 600; margin: .75rem 0 .25rem }
input, select, button { font: inherit; color: inherit; min-height: 2.5rem; border-radius: .375rem;
  border: 1px solid var(--muted); padding: .4rem .7rem; background: var(--card) }
main:not(.wide) input, main:not(.wide) button { width: 100% }
button { background: var(--accent); border-color: var(--accent); color: var(--on-accent);
  font-weight: 600; cursor: pointer }
main:not(.wide) button { margin-top: 1.25rem }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
a { color: var(--accent) }
code { font-family: ui-monospace, monospace; font-size: .92em; overflow-wrap: anywhere }
td code { white-space: nowrap }
.shown { font-size: 1.5rem; letter-spacing: .12em; margin: 0 }
.muted { color: var(--muted) }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 0 }
caption { text-align: left; color: var(--muted); padding-bottom: .25rem }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-top: 1px solid var(--line); vertical-align: middle }
.number { text-align: right; padding-right: 1.5rem; font-variant-numeric: tabular-nums }
form.inline { display: inline-block }
form.inline button { min-height: 2rem; padding: .15rem .6rem; background: var(--card); color: var(--accent) }
form.row { display: flex; flex-wrap: wrap; gap: 0 1rem; align-items: end }
form.row { margin-top: 1rem }
form.row p { margin: 0 0 .5rem }
form.row label { margin-top: 0 }
.plot { width: 100%; max-width: 44rem; height: auto; display: block }
.plot text { fill: var(--muted); font-size: 11px }
.plot .bar { fill: var(--accent) }
.plot .axis { stroke: var(--muted) }
.plot .grid { stroke: var(--line); stroke-dasharray: 2 3 }
.alert { border-left: 4px solid var(--bad); padding: .25rem .75rem; color: var(--bad) }
.done { border-left: 4px solid var(--good); padding: .25rem .75rem; color: var(--good) }
@media (max-width: 40rem) {
  main.wide { padding: 1rem .75rem 2rem }
  .card { padding: .875rem }
  td code { white-space: normal }
  table, caption, tbody, tr, td { display: block }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
  tr { border-top: 1px solid var(--line); padding: .5rem 0 }
  td { border: 0; padding: .15rem 0; display: flex; flex-wrap: wrap; gap: .25rem .75rem; align-items: center }
  td::before { content: attr(data-label); flex: 0 0 5.5rem; color: var(--muted) }
  td.muted::before { content: none }
  td.number { text-align: left; padding-right: 0 }
  button, form.inline button, select, input { min-height: 2.75rem }
  form.inline button { padding: .4rem .9rem }
  form.row p, form.row select, form.row input, form.row button { width: 100% }
  .plot text { font-size: 17px }
}
`

const STYLE_ELEMENT = new Markup(`<style>${STYLE}</style>`)
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64')

function pageHeaders(script: PageScript | undefined): readonly Header[] {
  const policy = [
    "default-src 'none'",
    `style-src 'sha256-${STYLE_HASH}'`,
    ...(script === undefined ? [] : [`script-src 'sha256-${script.hash}'`, "connect-src 'self'"]),
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ]
  return [
    ['content-security-policy', policy.join('; ')],
    ['x-content-type-options', 'nosniff'],
    ['referrer-policy', 'strict-origin-when-cross-origin'],
  ]
}
