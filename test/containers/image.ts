/** Builds the image by hand: each stage of the Dockerfile is a folder, in which its commands run. */
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { root } from '../docs/compile.js'
import { readContainerFile } from './compose.js'
import {
  copyOf,
  createIsIgnored,
  execForm,
  healthCheckOf,
  type Instruction,
  instructionsOf,
  stagesOf,
} from './dockerfile.js'

const run = promisify(execFile)

export interface Image {
  /** What its WORKDIR contains. */
  readonly dir: string
  readonly env: Readonly<Record<string, string>>
  readonly command: readonly string[]
  readonly healthCheck: readonly string[]
  remove(): Promise<void>
}

/** Files that no image may contain, at places where developers have them. */
export const decoys = [
  ...['.env', '.npmrc', '.git/config', 'src/.env.local', 'examples/app/.env', 'new-secret.txt'],
  ...['examples/containers/org.key', 'examples/app/node_modules/other/index.js'],
]

export async function buildImage(): Promise<Image> {
  const dir = await mkdtemp(join(tmpdir(), 'image-test-'))
  try {
    return await buildIn(dir)
  } catch (error) {
    await rm(dir, { recursive: true, force: true })
    throw error
  }
}

async function buildIn(dir: string): Promise<Image> {
  const context = join(dir, 'context')
  await copyContext(context)
  const stages = stagesOf(instructionsOf(readContainerFile('Dockerfile')))
  const dirs = new Map<string, string>()
  const env: Record<string, string> = {}
  for (const [index, { base, name, instructions }] of stages.entries()) {
    const stage = join(dir, `stage-${index}`)
    const from = dirs.get(base)
    if (from === undefined) await mkdir(stage)
    else await copyStage(from, stage)
    dirs.set(name ?? '', stage)
    for (const instruction of instructions) await perform(instruction, { stage, context, dirs })
  }
  const last = stages.at(-1)
  if (last === undefined) throw new Error('The Dockerfile has no stage')
  const textOf = (wanted: string) => last.instructions.find(({ name }) => name === wanted)?.text
  for (const pair of textOf('ENV')?.split(' ') ?? []) {
    const [name = '', value = ''] = pair.split(/=(.*)/s)
    env[name] = value
  }
  return {
    dir: join(dirs.get('') ?? '', textOf('WORKDIR') ?? ''),
    env,
    command: execForm(textOf('CMD') ?? '') ?? [],
    healthCheck: healthCheckOf(last) ?? [],
    remove: () => rm(dir, { recursive: true, force: true }),
  }
}

/** The repository as a developer has it, with files that must stay out. */
async function copyContext(context: string): Promise<void> {
  const left = ['.git', 'node_modules', 'dist', 'coverage', 'reports', 'docs']
  const filter = (path: string) => !left.includes(relative(root, path))
  for (const name of await readdir(root))
    if (filter(join(root, name)))
      await cp(join(root, name), join(context, name), { recursive: true, verbatimSymlinks: true })
  for (const decoy of decoys) {
    await mkdir(dirname(join(context, decoy)), { recursive: true })
    await writeFile(join(context, decoy), 'SESSION_SECRET=a-secret-of-a-developer\n')
  }
}

/** The packages are linked: 850 MB of them are not worth a copy. No command of the Dockerfile writes to their files. */
async function linkPackages(from: string, to: string): Promise<void> {
  await run('cp', ['-al', join(from, 'node_modules'), join(to, 'node_modules')])
  // npm overwrites this file, which would change the linked one.
  const list = 'node_modules/.package-lock.json'
  await rm(join(to, list), { force: true })
  await cp(join(from, list), join(to, list))
}

async function copyStage(from: string, to: string): Promise<void> {
  for (const name of await readdir(from)) {
    const [source, target] = [join(from, name), join(to, name)]
    await mkdir(target, { recursive: true })
    await linkPackages(source, target)
    for (const each of await readdir(source))
      if (each !== 'node_modules')
        await cp(join(source, each), join(target, each), { recursive: true })
  }
}

interface Parts {
  readonly stage: string
  readonly context: string
  readonly dirs: ReadonlyMap<string, string>
}

/** The only WORKDIR is /app. */
async function perform(instruction: Instruction, { stage, context, dirs }: Parts): Promise<void> {
  const { name, flags, text } = instruction
  const app = join(stage, 'app')
  if (name === 'WORKDIR') await mkdir(join(stage, text), { recursive: true })
  if (name === 'RUN') await runIn(app, text)
  if (name !== 'COPY') return
  const isIgnored = createIsIgnored(await readFile(join(context, '.dockerignore'), 'utf8'))
  const { sources, destination } = copyOf(instruction)
  for (const source of sources) {
    const from =
      flags.from === undefined ? join(context, source) : join(dirs.get(flags.from) ?? '', source)
    // A folder's contents go to the destination; a file goes into it where it ends with a slash.
    await cp(
      from,
      join(app, destination.endsWith('/') ? join(destination, basename(source)) : destination),
      {
        recursive: true,
        verbatimSymlinks: true,
        filter: (path) => flags.from !== undefined || !isIgnored(relative(context, path)),
      },
    )
  }
}

/** A registry is not asked: `npm ci` links this repository's packages, and npm works offline. */
async function runIn(app: string, command: string): Promise<void> {
  if (command.startsWith('npm ci ')) {
    await linkPackages(root, app)
    return
  }
  const env = { PATH: process.env.PATH, HOME: dirname(app), npm_config_offline: 'true' }
  await run('sh', ['-c', command], { cwd: app, env })
}
