/** Holds the size of src/: no figure may grow beyond what it is. The comments name the figures aimed at. */
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const src = join(root, 'src')

const bounds = {
  /** Aim: 25. */
  filesOfARefusedMiss: 26,
  oktaFilesOfARefusedMiss: 6,
  /** Comments and blank lines included: the doc comments of the public surface alone are a tenth. */
  lines: 22_909,
  /** Without comments and blank lines. Aim: 8,800. */
  linesOfCode: 17_011,
  /** Aim: 60. */
  linesOfAFunction: 60,
  linesOfTheSmallestFile: 20,
  /** Aim: none. */
  identifiersOfTheDialect: 0,
}

/** Its one long function makes the hidden classes of every context. */
const LONG_ON_PURPOSE = ['createVerdicts']

/** A user of the package starts here, and a script writes version.ts: these files may be short. */
const ENTRY_POINTS = [
  'index.ts',
  'redis/index.ts',
  'opentelemetry/index.ts',
  'cli/main.ts',
  'express-request.ts',
  'version.ts',
]

/** Names the public surface keeps. */
const PUBLIC_NAMES = ['heldOff', 'holdOff', 'HoldOffMessage']

/** Against an identifier's words, small and apart. */
const DIALECT = /\b(gates?|newcomers?|whoever|nobodys?|fleet|turned away|holds? offs?|held offs?)\b/

const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.startsWith('local-org/'))
  .map((name) => {
    const path = join(src, name)
    const code = readFileSync(path, 'utf8')
    return { name, path, code, lines: code.split('\n').length - 1 }
  })

describe('src/ without the local org', () => {
  it(`runs a request with an unseen cookie that is refused through at most ${bounds.filesOfARefusedMiss} files`, async () => {
    const reached = await filesOfARefusedMiss()
    expect(reached.length, reached.join('\n')).toBeGreaterThan(10)
    expect(reached.length, reached.join('\n')).toBeLessThanOrEqual(bounds.filesOfARefusedMiss)
    const okta = reached.filter((name) => name.startsWith('okta/'))
    expect(okta.length, okta.join('\n')).toBeLessThanOrEqual(bounds.oktaFilesOfARefusedMiss)
    // An ended session is no error: none is built, and no secret's spellings are computed.
    expect(okta).not.toContain('okta/call-error.js')
  })

  it(`src/ without the local org has at most ${bounds.linesOfCode} lines of code, ${bounds.lines} with comments`, () => {
    const sumOf = (count: (file: (typeof files)[number]) => number) =>
      files.reduce((sum, file) => sum + count(file), 0)
    expect(sumOf(linesOfCodeOf)).toBeLessThanOrEqual(bounds.linesOfCode)
    expect(sumOf(({ lines }) => lines)).toBeLessThanOrEqual(bounds.lines)
  })

  it(`has no function of more than ${bounds.linesOfAFunction} lines`, () => {
    const long = files.flatMap(functionsOf).filter(({ name }) => !LONG_ON_PURPOSE.includes(name))
    long.sort((one, other) => other.lines - one.lines)
    expect(long[0]?.lines, JSON.stringify(long.slice(0, 5))).toBeLessThanOrEqual(
      bounds.linesOfAFunction,
    )
  })

  it(`has no file of less than ${bounds.linesOfTheSmallestFile} lines, entry points aside`, () => {
    const short = files.filter(({ name }) => !ENTRY_POINTS.includes(name))
    short.sort((one, other) => one.lines - other.lines)
    const shortest = short.slice(0, 5).map(({ name, lines }) => `${name} ${lines}`)
    expect(short[0]?.lines, shortest.join('\n')).toBeGreaterThanOrEqual(
      bounds.linesOfTheSmallestFile,
    )
  })

  it('src/ without the local org has no cycle of run-time imports', () => {
    expect(cycles()).toEqual([])
  })

  it(`has at most ${bounds.identifiersOfTheDialect} identifiers in the words of its first version`, () => {
    const names = new Set(files.flatMap(identifiersOf))
    const dialect = [...names].filter(
      (name) => DIALECT.test(wordsOf(name)) && !PUBLIC_NAMES.includes(name),
    )
    expect(dialect.length, dialect.join(' ')).toBeLessThanOrEqual(bounds.identifiersOfTheDialect)
  })
})

/** What V8 saw run between an unseen cookie's request and its 401, in the built package. */
async function filesOfARefusedMiss(): Promise<string[]> {
  const dist = pathToFileURL(join(root, 'dist/')).href
  const script = `
    import { createServer } from 'node:http'
    import { Session } from 'node:inspector/promises'
    const inspector = new Session()
    inspector.connect()
    await inspector.post('Profiler.enable')
    await inspector.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false })
    const { oktaSession } = await import('${dist}index.js')
    const { createLocalOrg } = await import('${dist}local-org/index.js')
    const org = await createLocalOrg()
    const okta = oktaSession({ orgUrl: org.url, logger: false })
    const guard = okta.requireSession()
    const server = createServer((req, res) => guard(req, res, () => res.end()))
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
    const get = async (cookie) => {
      const url = 'http://127.0.0.1:' + server.address().port
      const answer = await fetch(url, { headers: { cookie: 'idx=' + cookie } })
      await answer.text()
      return answer.status
    }
    await get('first')
    await okta.settled()
    await inspector.post('Profiler.takePreciseCoverage')
    const status = await get('second')
    const { result } = await inspector.post('Profiler.takePreciseCoverage')
    const ran = result.filter(({ functions }) => functions.some(({ ranges }) => ranges[0].count > 0))
    console.log(JSON.stringify({ status, ran: ran.map(({ url }) => url) }))
    server.closeAllConnections()
    server.close()
    await okta.close()
    await org.close()`
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--input-type=module',
    '--eval',
    script,
  ])
  const { status, ran }: { status: number; ran: string[] } = JSON.parse(stdout)
  expect(status).toBe(401)
  return ran
    .filter((url) => url.startsWith(dist) && !url.startsWith(`${dist}local-org/`))
    .map((url) => url.slice(dist.length))
    .sort()
}

/** The lines that hold more than comments. */
function linesOfCodeOf({ path, code }: (typeof files)[number]): number {
  const source = ts.createSourceFile(path, code, ts.ScriptTarget.ES2023, true)
  const lineOf = (at: number) => source.getLineAndCharacterOfPosition(at).line
  const found = new Set<number>()
  const visit = (node: ts.Node): void => {
    const parts = node.getChildren(source).filter(({ kind }) => kind !== ts.SyntaxKind.JSDoc)
    if (parts.length === 0 && node.getWidth(source) > 0)
      for (let line = lineOf(node.getStart(source)); line <= lineOf(node.end); line += 1)
        found.add(line)
    for (const part of parts) visit(part)
  }
  visit(source)
  return found.size
}

function functionsOf({ name: file, path, code }: (typeof files)[number]) {
  const source = ts.createSourceFile(path, code, ts.ScriptTarget.ES2023, true)
  const found: { file: string; name: string; lines: number }[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined) {
      const lineOf = (at: number) => source.getLineAndCharacterOfPosition(at).line
      const name = node.name?.getText(source) ?? ''
      found.push({ file, name, lines: lineOf(node.end) - lineOf(node.getStart(source)) + 1 })
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

function identifiersOf({ path, code }: (typeof files)[number]): string[] {
  const source = ts.createSourceFile(path, code, ts.ScriptTarget.ES2023, true)
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) || ts.isPrivateIdentifier(node)) found.push(node.text)
    ts.forEachChild(node, visit)
  }
  visit(source)
  return [basename(path), ...found]
}

function wordsOf(identifier: string): string {
  return identifier.replace(/(?<=[a-z])(?=[A-Z])|[-_#]/g, ' ').toLowerCase()
}

/** The cycles among the built files, whose imports are those of values. */
function cycles(): string[] {
  const found: string[] = []
  const done = new Set<string>()
  const visit = (file: string, way: readonly string[]): void => {
    if (way.includes(file)) {
      const cycle = [...way.slice(way.indexOf(file)), file]
      found.push(cycle.map((each) => relative(root, each)).join(' -> '))
    } else if (!done.has(file)) {
      for (const { fileName } of ts.preProcessFile(readFileSync(file, 'utf8')).importedFiles)
        if (fileName.startsWith('.')) visit(resolve(dirname(file), fileName), [...way, file])
      done.add(file)
    }
  }
  visit(join(root, 'dist/index.js'), [])
  visit(join(root, 'dist/cli/main.js'), [])
  return found
}
