/** Holds the map of src/: which folders there are, and which may import which. */
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const src = join(root, 'src')

/**
 * A room is a folder of src/, or one of the few files beside them. Each may import itself and the rooms
 * named here. `local-org` names none: it states Okta's wire for itself, so that a mistake about the wire
 * can't hide on both sides of it.
 */
const leaves = [
  'abort.ts',
  'codes.ts',
  'contracts.ts',
  'public-types.ts',
  'errors.ts',
  'copies.ts',
  'instances.ts',
  'channels.ts',
  'version.ts',
] as const
const map: Readonly<Record<string, readonly string[]>> = {
  'index.ts': [
    'okta-session.ts',
    'okta-session-types.ts',
    'express-request.ts',
    'http',
    'okta',
    'options',
    ...leaves,
  ],
  'okta-session.ts': [
    'okta-session-types.ts',
    ...['http', 'redis', 'telemetry', 'session', 'limiter', 'okta', 'options'],
    ...leaves,
  ],
  'express-request.ts': leaves,
  http: ['session', 'limiter', 'options', ...leaves],
  redis: ['session', 'options', ...leaves],
  telemetry: leaves,
  // Of the instances the type of their statistics alone.
  opentelemetry: ['okta-session-types.ts', ...leaves],
  session: ['limiter', 'options', ...leaves],
  limiter: ['options', ...leaves],
  okta: ['options', ...leaves],
  options: leaves,
  'contracts.ts': ['codes.ts', 'errors.ts', 'public-types.ts'],
  // Of okta the type SessionApi alone, which OktaSession holds.
  'okta-session-types.ts': ['public-types.ts', 'errors.ts', 'okta'],
  'public-types.ts': ['errors.ts', 'contracts.ts'],
  'channels.ts': ['errors.ts'],
  'errors.ts': ['copies.ts'],
  'copies.ts': [],
  'instances.ts': ['copies.ts', 'okta-session-types.ts'],
  'abort.ts': [],
  'codes.ts': [],
  'version.ts': [],
  'local-org': [],
  cli: ['local-org', 'okta', 'options', ...leaves],
}

/** The rooms of `local-org` itself; what is `org` knows nothing of the endpoints that speak for it. */
const localOrgMap: typeof map = {
  'index.ts': ['create-local-org.ts', 'local-org.ts', 'options.ts', 'pushes', 'org', 'faults'],
  'create-local-org.ts': [
    ...['local-org.ts', 'options.ts', 'serving', 'wire', 'pushes', 'org', 'faults', 'http'],
  ],
  'local-org.ts': ['pushes', 'org', 'faults'],
  'options.ts': ['pushes', 'org'],
  serving: ['pages', 'wire', 'oauth', 'pushes', 'org', 'faults', 'http'],
  pages: ['pushes', 'org', 'faults', 'http'],
  pushes: ['org', 'http'],
  wire: ['oauth', 'org', 'http'],
  oauth: ['org', 'http'],
  org: ['faults', 'http'],
  faults: [],
  http: [],
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => join(src, name))

describe.each([
  { name: 'src/', house: { base: src, map } },
  { name: 'src/local-org/', house: { base: join(src, 'local-org'), map: localOrgMap } },
])('the map of $name', ({ house }) => {
  const inside = files.filter((file) => file.startsWith(house.base + sep))

  it('the map names every folder and every file beside them', () => {
    const rooms = new Set(inside.map((file) => roomOf(house.base, file)))
    expect([...rooms].filter((room) => !Object.hasOwn(house.map, room))).toEqual([])
  })

  it('the map allows every import there is', () => {
    const trespasses = inside.flatMap((file) =>
      importsOf(read(file))
        .filter((specifier) => specifier.startsWith('.'))
        .filter((specifier) => !mayImport(house, file, resolve(dirname(file), specifier)))
        .map((specifier) => `${relative(root, file)} imports ${specifier}`),
    )
    expect(trespasses).toEqual([])
  })
})

describe('the files beside the folders', () => {
  it('a file beside the folders that holds types holds no code that runs', () => {
    for (const name of ['public-types.ts', 'okta-session-types.ts', 'express-request.ts'])
      expect(
        withoutTypes(join(src, name))
          .replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')
          .trim(),
      ).toBe('export {};')
  })
})

describe('the main entry', () => {
  it('the main entry imports only declared packages, and neither express nor cookie-parser', () => {
    const manifest: { dependencies: Record<string, string> } = JSON.parse(
      read(join(root, 'package.json')),
    )
    const reached = packagesReachedFrom(join(root, 'dist/index.js'))
    expect(reached).toContain('got')
    expect(reached).not.toContain('express')
    expect(reached).not.toContain('cookie-parser')
    expect(reached.filter((name) => !Object.hasOwn(manifest.dependencies, name))).toEqual([])
  })

  it('the main entry loads and makes its handlers without express and cookie-parser installed', async () => {
    const script = `
      import { oktaSession } from ${JSON.stringify(pathToFileURL(join(root, 'dist/index.js')).href)}
      await import('express').then(() => { throw new Error('express is here after all') }, () => {})
      const okta = oktaSession({ orgUrl: 'https://id.example.com' })
      console.log(okta.requireSession().name)
      await okta.close()`
    const { stdout } = await promisify(execFile)(process.execPath, [
      ...[
        '--import',
        dataUrl(
          `import { register } from 'node:module'; register(${JSON.stringify(dataUrl(absent))})`,
        ),
      ],
      ...['--input-type=module', '--eval', script],
    ])
    expect(stdout.trim()).toBe('requireSession')
  })
})

describe('the published types', { timeout: 60_000 }, () => {
  it('the published types declare req.okta in an app that imports the package and Express', () => {
    const { faults, files: read } = compile(`
      import express from 'express'
      import { oktaSession } from 'express-okta-session'
      const okta = oktaSession({ orgUrl: 'https://id.example.com' })
      express().get('/', okta.attachSession(), (req, res) => {
        const login: string | undefined = req.okta?.session?.login
        res.json({ login })
      })`)
    expect(faults).toEqual([])
    expect(read).toContain(join(root, 'dist/index.d.ts'))
  })

  it('the published types give callbacks Node’s request and response where Express’s types are absent', () => {
    const { faults, files: read } = compile(
      `
      import type { IncomingMessage, ServerResponse } from 'node:http'
      import { type AppRequest, type AppResponse, oktaSession } from 'express-okta-session'
      const same = <A>(a: (x: A) => A) => a
      same<AppRequest>((req: IncomingMessage) => req)
      same<AppResponse>((res: ServerResponse) => res)
      const okta = oktaSession({
        onDenied: ({ status }, _req, res) => void res.writeHead(status).end(),
      })
      okta.requireSession({ allow: (_session, req) => req.url === '/' })
      // @ts-expect-error: no property of Node's.
      okta.requireSession({ allow: (_session, req) => req.params === undefined })`,
      { absent: /@types\/express/, skipLibCheck: false },
    )
    expect(faults).toEqual([])
    expect(read).toContain(join(root, 'dist/index.d.ts'))
  })
})

/** A module hook under which these two packages do not exist. */
const absent = `
  export async function resolve(specifier, context, next) {
    if (/^(express|cookie-parser)(\\/|$)/.test(specifier)) throw new Error(specifier + ' is absent')
    return next(specifier, context)
  }`

/** Compiles a file of an app's, which finds the package as an app does: by its manifest, not by its source. */
function compile(code: string, { absent = /^$/, skipLibCheck = true } = {}) {
  const name = join(root, 'an-app.ts')
  const options: ts.CompilerOptions = {
    module: ts.ModuleKind.NodeNext,
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck,
    noEmit: true,
    types: ['node'],
  }
  const host = ts.createCompilerHost(options)
  const { fileExists, readFile, getSourceFile } = host
  host.fileExists = (path) => path === name || (!absent.test(path) && fileExists(path))
  host.readFile = (path) => (path === name ? code : readFile(path))
  // The language tells the compiler that the app is an ES module, as the package around it is.
  host.getSourceFile = (path, language, ...rest) =>
    path === name
      ? ts.createSourceFile(path, code, language)
      : getSourceFile(path, language, ...rest)
  const program = ts.createProgram([name], options, host)
  return {
    faults: ts.getPreEmitDiagnostics(program).map(({ messageText }) => messageText),
    files: program.getSourceFiles().map(({ fileName }) => resolve(fileName)),
  }
}

function dataUrl(code: string): string {
  return `data:text/javascript,${encodeURIComponent(code)}`
}

/** The folder a file is in, or the file itself where it stands beside the folders. */
function roomOf(base: string, path: string): string {
  const [room = ''] = relative(base, path).split(sep)
  return room.replace(/\.js$/, '.ts')
}

function mayImport(house: { base: string; map: typeof map }, from: string, to: string): boolean {
  const [fromRoom, toRoom] = [roomOf(house.base, from), roomOf(house.base, to)]
  return fromRoom === toRoom || house.map[fromRoom]?.includes(toRoom) === true
}

function importsOf(code: string): string[] {
  return ts.preProcessFile(code, true, true).importedFiles.map(({ fileName }) => fileName)
}

/** What of a file is left to run. */
function withoutTypes(file: string): string {
  const compilerOptions = {
    module: ts.ModuleKind.ESNext,
    target: ts.ScriptTarget.ES2023,
    verbatimModuleSyntax: true,
  }
  return ts.transpileModule(read(file), { compilerOptions }).outputText
}

/** The packages a built file can load, the ones it loads on first use included. */
function packagesReachedFrom(entry: string): string[] {
  const seen = new Set([entry])
  const packages = new Set<string>()
  for (const file of seen)
    for (const specifier of importsOf(read(file))) {
      if (specifier.startsWith('.')) seen.add(resolve(dirname(file), specifier))
      else if (!specifier.startsWith('node:')) packages.add(packageOf(specifier))
    }
  return [...packages]
}

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}

function read(file: string): string {
  return readFileSync(file, 'utf8')
}
