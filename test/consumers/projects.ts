/** Projects of users: the packed package, and of the development packages those that a project names. */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll } from 'vitest'

export const root = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)

/** What npm installs with the package. */
const DEPENDENCIES = ['cookie', 'debug', 'got', 'jose', 'lru-cache']

export interface ProjectOptions {
  readonly type?: 'module' | 'commonjs'
  /** Packages by the name they are imported under; the value is another name of the development package. */
  readonly packages?: Readonly<Record<string, string>>
  readonly files: Readonly<Record<string, string>>
}

export interface Project {
  readonly folder: string
  /** Runs a program of Node's in the project. Rejects with what it printed. */
  node(...args: readonly string[]): Promise<string>
}

/** Packs the package once, and returns a function that makes projects. All are deleted in afterAll(). */
export function useProjects() {
  let packed: Promise<string> | undefined
  afterAll(async () => {
    if (packed !== undefined) await rm(dirname(await packed), { recursive: true })
  })

  return async function project(options: ProjectOptions): Promise<Project> {
    packed ??= pack()
    const home = dirname(await packed)
    const folder = await mkdtemp(join(home, 'project-'))
    const modules = join(folder, 'node_modules')
    await mkdir(modules)
    await run('cp', ['-r', join(home, 'package'), join(modules, 'express-okta-session')])
    const named = Object.fromEntries(DEPENDENCIES.map((name) => [name, name]))
    for (const [name, source] of Object.entries({ ...named, ...options.packages })) {
      await mkdir(dirname(join(modules, name)), { recursive: true })
      await symlink(join(root, 'node_modules', source), join(modules, name))
    }
    const own = { name: 'a-project', private: true, type: options.type ?? 'commonjs' }
    const files = { 'package.json': JSON.stringify(own), ...options.files }
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
    return { folder, node: (...args) => node(folder, args) }
  }
}

/** The folder `package` of the unpacked tarball. The scripts do not run: they would build anew under other tests. */
async function pack(): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'consumers-'))
  const args = ['pack', '--ignore-scripts', '--silent', '--pack-destination', home]
  const { stdout } = await run('npm', args, { cwd: root })
  await run('tar', ['-xzf', join(home, stdout.trim()), '-C', home])
  return join(home, 'package')
}

async function node(cwd: string, args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await run(process.execPath, [...args], { cwd, env: environment() })
    return stdout
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`${stdout}${stderr}` || String(error))
  }
}

/** Without the settings of this test runner, and without flags for Node. */
function environment(): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env
  return { PATH, HOME, NODE_ENV: 'test' }
}
