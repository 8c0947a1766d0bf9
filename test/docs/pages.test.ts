/** All documents: their links lead somewhere, their code runs elsewhere, and the README is short and lists them. */
import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { faultsOf, root } from './compile.js'

const read = (name: string) => readFileSync(join(root, name), 'utf8')
const docs = readdirSync(join(root, 'docs'))
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name}`)
const pages = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', ...docs]

/** Pages without a test of their own for their code. */
const PAGES_WITH_CODE = [
  'README.md',
  ...[
    'guards',
    'handlers',
    'options',
    'sessions-api',
    'testing',
    'getting-started',
    'migration',
  ].map((name) => `docs/${name}.md`),
  ...['troubleshooting', 'security-model', 'faq', 'example-app'].map((name) => `docs/${name}.md`),
]

describe('the README', () => {
  it('has less than 1,200 words', () => {
    expect(read('README.md').split(/\s+/).filter(Boolean).length).toBeLessThan(1_200)
  })

  it('lists every document', () => {
    const readme = read('README.md')
    expect(docs.filter((name) => !readme.includes(`(${name})`))).toEqual([])
  })

  it('has absolute links while it is packed, and relative ones again afterwards', () => {
    const folder = mkdtempSync(join(tmpdir(), 'readme-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    mkdirSync(join(folder, 'scripts'))
    for (const name of ['README.md', 'package.json', 'scripts/readme-links.js'])
      copyFileSync(join(root, name), join(folder, name))
    const readme = () => readFileSync(join(folder, 'README.md'), 'utf8')
    const run = (direction: string) =>
      execFileSync(process.execPath, [join(folder, 'scripts/readme-links.js'), direction])
    const before = readme()
    run('absolute')
    const targets = linksOf(readme())
    expect(targets.length).toBeGreaterThan(10)
    expect(targets.filter((target) => !/^(?:https:\/\/|#)/.test(target))).toEqual([])
    expect(targets.filter((target) => /\.png$/.test(target) && !target.includes('/raw/'))).toEqual(
      [],
    )
    run('relative')
    expect(readme()).toBe(before)
  })
})

describe.each(pages)('%s', (page) => {
  it('has links that lead to files and headings', () => {
    const broken = linksOf(read(page)).filter((target) => {
      if (/^https?:|^mailto:/.test(target)) return false
      const [path = '', anchor] = target.split('#')
      const file = path === '' ? page : relative(root, join(root, dirname(page), path))
      if (!existsSync(join(root, file))) return true
      return anchor !== undefined && file.endsWith('.md') && !anchorsOf(read(file)).includes(anchor)
    })
    expect(broken).toEqual([])
  })
})

describe('the code in documents', () => {
  const examples = readdirSync(join(root, 'examples'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.js') && !name.includes('node_modules'))
    .map((name) => flat(read(join('examples', name))))

  it.each(PAGES_WITH_CODE)('%s shows only JavaScript that the examples run', (page) => {
    const invented = fencesOf(read(page), 'js').filter(
      (code) => !examples.some((text) => text.includes(flat(code))),
    )
    expect(invented).toEqual([])
  })

  it('the page on TypeScript compiles', () => {
    const prelude =
      "import type { AppRequest, Session, SessionContext } from 'express-okta-session'\n"
    const files = fencesOf(read('docs/typescript.md'), 'ts').map((code, index) => ({
      name: join(root, `typescript-${index}.ts`),
      code: `${prelude}${code}\nexport type Used = AppRequest | Session | SessionContext\n`,
    }))
    expect(files.length).toBeGreaterThan(1)
    expect(faultsOf(files)).toEqual([])
  })
})

describe('the security model', () => {
  it('names tests that exist', () => {
    const named = [...read('docs/security-model.md').matchAll(/`(test\/[^`]+)`/g)]
    const missing = named
      .map(([, name = '']) => name)
      .filter((name) => !existsSync(join(root, name)))
    expect(named.length).toBeGreaterThan(20)
    expect(missing).toEqual([])
  })
})

/** The targets of links and images, without those in code. */
function linksOf(text: string): string[] {
  const prose = text.replace(/^```[\s\S]*?^```$/gm, '').replace(/`[^`\n]*`/g, '``')
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target)
}

/** As GitHub makes them from headings. */
function anchorsOf(text: string): string[] {
  const headings = text.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/^#{1,6} (.+)$/gm)
  const counts = new Map<string, number>()
  return [...headings].map(([, heading = '']) => {
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
    const anchor = plain
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-')
    const count = counts.get(anchor) ?? 0
    counts.set(anchor, count + 1)
    return count === 0 ? anchor : `${anchor}-${count}`
  })
}

function fencesOf(text: string, language: string): string[] {
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].flatMap(([, name, code = '']) =>
    name === language ? [code] : [],
  )
}

/** Without indentation, so that a part of a function may stand alone. */
function flat(code: string): string {
  return code.replace(/^[ \t]+/gm, '').trim()
}
