/** An app and this package in one file: it starts where no package.json and no node_modules are in reach. */
import { execFile } from 'node:child_process'
import {
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { createLocalOrg, type LocalOrg } from 'express-okta-session/local-org'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import webpack from 'webpack'
import { VERSION } from '../../src/version.js'
import { deep } from '../deep.js'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))

/** Where bundles are written and run: without node_modules and package.json, there and above. */
let folder: string
let app: string
let org: LocalOrg
beforeAll(async () => {
  const home = await mkdtemp(join(tmpdir(), 'bundled-'))
  folder = join(home, 'out')
  app = join(home, 'app/app.js')
  await mkdir(folder)
  await installApp(join(home, 'app'))
  org = await createLocalOrg()
})
afterAll(async () => {
  await org.close()
  await rm(join(folder, '..'), { recursive: true })
})

describe('a bundled app', { timeout: 240_000 }, () => {
  it('a bundle of esbuild starts, as a CommonJS module', async () => {
    const outfile = join(folder, 'esbuild.cjs')
    await build({
      entryPoints: [app],
      bundle: true,
      logLevel: 'error',
      platform: 'node',
      format: 'cjs',
      outfile,
    })
    await expectToAnswer(outfile)
  })

  it('a bundle of esbuild starts, as an ES module', async () => {
    const outfile = join(folder, 'esbuild.mjs')
    // Express is CommonJS and requires Node's modules, for which esbuild's ES modules need this line.
    const js = `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)`
    const output = { format: 'esm', outfile, banner: { js } } as const
    await build({
      entryPoints: [app],
      bundle: true,
      logLevel: 'error',
      platform: 'node',
      ...output,
    })
    await expectToAnswer(outfile)
  })

  it.runIf(deep).each(['cjs', 'es'] as const)(
    'a bundle of rollup starts, as %s',
    async (format) => {
      const file = join(folder, format === 'es' ? 'rollup.mjs' : 'rollup.cjs')
      const plugins = ['node-resolve={preferBuiltins:true}', 'commonjs', 'json']
      const output = ['--file', file, '--format', format, '--inlineDynamicImports', '--silent']
      await tool(
        'rollup/dist/bin/rollup',
        app,
        ...output,
        ...plugins.flatMap((name) => ['-p', name]),
      )
      await expectToAnswer(file)
    },
  )

  it.runIf(deep)('a bundle of webpack starts', async () => {
    const output = { path: folder, filename: 'webpack.cjs' }
    const compiler = webpack({ entry: app, target: 'node20', mode: 'production', output })
    const stats = await promisify(compiler.run.bind(compiler))()
    expect(stats?.toJson({ errors: true }).errors).toEqual([])
    await expectToAnswer(join(folder, 'webpack.cjs'))
  })

  it.runIf(deep)('a bundle of ncc starts', async () => {
    const output = join(folder, 'ncc')
    await tool('@vercel/ncc/dist/ncc/cli.js', 'build', app, '--no-cache', '--out', output)
    await expectToAnswer(join(output, await mainOf(output)))
  })
})

describe('the version', () => {
  it('the code holds the version of package.json', async () => {
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
    expect(VERSION).toBe(version)
  })
})

/** The app as a project of its own: bundlers would follow the `paths` of this repository's tsconfig.json. */
async function installApp(to: string): Promise<void> {
  const modules = join(to, 'node_modules')
  await mkdir(modules, { recursive: true })
  await copyFile(join(root, 'test/packaging/app.js'), app)
  await writeFile(join(to, 'package.json'), '{ "type": "module" }')
  await symlink(root, join(modules, 'express-okta-session'))
  await symlink(join(root, 'node_modules/express'), join(modules, 'express'))
}

/** Runs the program of a bundler. */
async function tool(program: string, ...args: readonly string[]): Promise<void> {
  await run(process.execPath, [join(root, 'node_modules', program), ...args], { cwd: dirname(app) })
}

/** ncc writes an ES module, with a package.json that says so, where the app is one. */
async function mainOf(output: string): Promise<string> {
  const names = await readdir(output)
  return names.find((name) => /^index\.m?js$/.test(name)) ?? 'no index.js'
}

/** Runs a bundle, which signs a user in and calls a guarded route. */
async function expectToAnswer(bundle: string): Promise<void> {
  const env = { OKTA_CLIENT_ORGURL: org.url, COOKIE: org.signIn('alice@example.com') }
  const { stdout } = await run(process.execPath, [bundle], { cwd: folder, env })
  expect(stdout).toBe('200 {"login":"alice@example.com"}\n')
}
