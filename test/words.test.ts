/** Holds the vocabulary of CONTRIBUTING.md: counts sentences and phrases that it rules out, per part of the project. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

/** The aim is 0 everywhere. Lower a bound when a change lowers its count. */
const bounds: Readonly<Record<string, number>> = {
  'src/*': 0,
  'src/cli': 0,
  'src/http': 0,
  'src/limiter': 0,
  'src/local-org': 0,
  'src/okta': 0,
  'src/opentelemetry': 0,
  'src/options': 0,
  'src/redis': 0,
  'src/session': 0,
  'src/telemetry': 0,
  examples: 0,
  bench: 0,
  test: 0,
  documents: 0,
}

/** Each has a plain equivalent in the table of words. */
const RULED_OUT = [
  /\bthe org['’]s minutes?\b/i,
  /\bturn(s|ed)? away\b/i,
  /\blets? in\b/i,
  /\bnewcomers?\b/i,
  /\bfleets?\b/i,
  /\b(hold|holds|held)[ -]offs?\b/i,
  /\bleavers?\b/i,
  /\baskers?\b/i,
  /\bthe door\b/i,
]

/** Matches only at the start of a sentence, a list item or a table cell. */
const PRONOUN_FIRST = /(?:^|[.!?:]\s+|[|>]\s*)["'“(*_]*(Who|Whoever|Nobody|No one)\b/gm

interface Passage {
  readonly file: string
  readonly line: number
  readonly text: string
}

describe('the words of', () => {
  it.each(Object.keys(bounds))('%s are those of the vocabulary', (part) => {
    const passages = passagesOf(part)
    expect(passages.length).toBeGreaterThan(0)
    const found = passages.flatMap(findings)
    expect(found.length, found.join('\n')).toBeLessThanOrEqual(bounds[part] ?? 0)
  })

  it('every folder of src have a bound', () => {
    const folders = readdirSync(join(root, 'src'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => `src/${entry.name}`)
    expect(Object.keys(bounds)).toEqual(expect.arrayContaining(folders))
  })
})

describe('the search for words', () => {
  it.each([
    ['a comment', '// Nobody waits here.\nexport const one = 1'],
    [
      'a comment of several lines',
      '/**\n * Waits. The\n * newcomer comes\n * first. */\nlet a = 1',
    ],
    ['a sentence within a comment', 'let a = 1 // It waits. Who waits, pays.'],
    ['a comment at the end of a block', 'function f() {\n  // the org’s minute\n}'],
    ['a message', "throw new Error('This call was turned away by the limiter')"],
    ['a message with values', `warn(\`\${calls} calls of a fleet were made\`)`],
  ])('finds them in %s', (_, code) => {
    expect(passagesOfCode('a.ts', code).flatMap(findings)).toHaveLength(1)
  })

  it.each([
    ['a document', 'Text.\n\nNobody waits. A newcomer does.\n', 2],
    ['a table', '| a | b |\n| --- | --- |\n| Who waits | `hold-off` |\n', 1],
    ['a list', '- **Whoever waits** pays.\n', 1],
    ['no code', '```js\n// Nobody waits\n```\n', 0],
  ])('finds them in %s', (_, markdown, count) => {
    expect(passagesOfDocument('a.md', markdown).flatMap(findings)).toHaveLength(count)
  })

  it.each([
    ['a public name', '// `hold-off` is a channel, and heldOff a field.\nlet a = 1'],
    ['a name in a string', "const channel = 'express-okta-session:hold-off'"],
    ['another sentence with the word', '// The users who wait. It is nobody’s turn.\nlet a = 1'],
    ['a regular expression', 'const a = /newcomer holds off/'],
  ])('leaves out %s', (_, code) => {
    expect(passagesOfCode('a.ts', code).flatMap(findings)).toEqual([])
  })
})

function findings({ file, line, text }: Passage): string[] {
  const prose = text.replace(/`[^`]*`/g, '``')
  const phrases = RULED_OUT.flatMap((phrase) => phrase.exec(prose)?.[0] ?? [])
  const starts = [...prose.matchAll(PRONOUN_FIRST)].map(([, word]) => `${word} ...`)
  return [...phrases, ...starts].map((words) => `${file}:${line} "${words}" in: ${text}`)
}

function passagesOf(part: string): Passage[] {
  if (part === 'documents')
    return documents().flatMap((name) => passagesOfDocument(name, read(name)))
  const folder = part.replace('/*', '')
  const isWithin = (name: string) => part !== 'src/*' || !name.includes('/')
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter(
      (name) =>
        /\.[jt]s$/.test(name) && !/node_modules|\.next\/|\/dist\//.test(name) && isWithin(name),
    )
    .map((name) => `${folder}/${name}`)
    .filter((name) => name !== 'test/words.test.ts')
    .flatMap((name) => passagesOfCode(name, read(name)))
}

function documents(): string[] {
  const guides = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'))
  const pages = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md']
  return [...pages, ...guides.map((name) => `docs/${name}`)]
}

function read(name: string): string {
  return readFileSync(join(root, name), 'utf8')
}

/** A passage is a paragraph, a list item or a table row. Fenced code is left out, and keeps its lines. */
function passagesOfDocument(file: string, markdown: string): Passage[] {
  const prose = markdown.replace(/^```[\s\S]*?^```/gm, (code) => code.replace(/[^\n]/g, ''))
  return prose.split('\n').map((text, index) => ({
    file,
    line: index + 1,
    text: text.replace(/^\s*([-*]|\d+\.|#+)\s+/, ''),
  }))
}

/** The comments of a file, and its string literals of three words and more. */
function passagesOfCode(file: string, code: string): Passage[] {
  const source = ts.createSourceFile(file, code, ts.ScriptTarget.ES2023, true)
  const found = new Map<number, Passage>()
  const add = (at: number, text: string) => {
    const line = source.getLineAndCharacterOfPosition(at).line + 1
    found.set(at, { file, line, text })
  }
  const visit = (node: ts.Node): void => {
    if (node.kind >= ts.SyntaxKind.FirstJSDocNode && node.kind <= ts.SyntaxKind.LastJSDocNode)
      return
    const comments = [
      ...(ts.getLeadingCommentRanges(code, node.pos) ?? []),
      ...(ts.getTrailingCommentRanges(code, node.end) ?? []),
    ]
    for (const { pos, end } of comments) add(pos, proseOf(code.slice(pos, end)))
    if (isText(node) && node.text.trim().split(/\s+/).length > 2)
      add(node.getStart(source), node.text)
    for (const child of node.getChildren(source)) visit(child)
  }
  visit(source)
  return [...found.values()]
}

function isText(node: ts.Node): node is ts.LiteralLikeNode {
  return ts.isStringLiteralLike(node) || ts.isTemplateLiteralToken(node)
}

/** The text of a comment on one line. */
function proseOf(comment: string): string {
  return comment
    .replace(/^\/\*+|\*\/$/g, '')
    .split('\n')
    .map((line) => line.replace(/^\s*(\/\/|\*)?\s*/, '').trim())
    .join(' ')
    .trim()
}
