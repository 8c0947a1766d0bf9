/** Reads a Dockerfile and its ignore file as far as this repository uses them, and says what is wrong with them. */
import { posix } from 'node:path'

export interface Instruction {
  /** In capitals, `COPY` for example. */
  readonly name: string
  /** Flags such as `--from`, without the dashes. */
  readonly flags: Readonly<Record<string, string>>
  readonly text: string
  readonly line: number
}

export interface Stage {
  /** What it begins with: an image, or an earlier stage. */
  readonly base: string
  readonly name: string | undefined
  readonly instructions: readonly Instruction[]
}

/** Parses the instructions; comments are left out, and continued lines joined. */
export function instructionsOf(dockerfile: string): Instruction[] {
  const found: Instruction[] = []
  let joined = ''
  let start = 0
  for (const [index, line] of dockerfile.split('\n').entries()) {
    if (/^\s*(#|$)/.test(line)) continue
    if (joined === '') start = index + 1
    joined += line.trim()
    if (joined.endsWith('\\')) joined = `${joined.slice(0, -1)} `
    else {
      found.push(toInstruction(joined.replace(/\s+/g, ' '), start))
      joined = ''
    }
  }
  return found
}

function toInstruction(text: string, line: number): Instruction {
  const [, name = '', flags = '', rest = ''] = /^(\w+) ((?:--[\w-]+=\S+ )*)(.*)$/.exec(text) ?? []
  const pairs = [...flags.matchAll(/--([\w-]+)=(\S+)/g)].map(([, flag = '', value = '']) => {
    return [flag, value] as const
  })
  return { name: name.toUpperCase(), flags: Object.fromEntries(pairs), text: rest, line }
}

export function stagesOf(instructions: readonly Instruction[]): Stage[] {
  const starts = instructions.flatMap(({ name }, index) => (name === 'FROM' ? [index] : []))
  return starts.map((start, index) => {
    const [base = '', , name] = instructions[start]?.text.split(' ') ?? []
    return { base, name, instructions: instructions.slice(start + 1, starts[index + 1]) }
  })
}

/** The arguments of an instruction in exec form; undefined in shell form. */
export function execForm(text: string): readonly string[] | undefined {
  if (!text.startsWith('[')) return undefined
  const given: unknown = JSON.parse(text)
  return Array.isArray(given) && given.every((each) => typeof each === 'string') ? given : undefined
}

/** The sources and the destination of a COPY. */
export function copyOf({ text }: Instruction) {
  const paths = text.split(' ').map((path) => posix.normalize(path))
  return { sources: paths.slice(0, -1), destination: paths.at(-1) ?? '.' }
}

/** The command of the health check, or undefined. */
export function healthCheckOf(stage: Stage): readonly string[] | undefined {
  const { text = '' } = stage.instructions.find(({ name }) => name === 'HEALTHCHECK') ?? {}
  return execForm(text.replace(/^CMD /, ''))
}

/** An image with a version of three numbers: another tag may be a different image tomorrow. */
export function isPinned(image: string): boolean {
  return /^[\w./-]+:\d+\.\d+\.\d+(-[\w.-]+)?(@sha256:[\da-f]{64})?$/.test(image)
}

/** @returns What is wrong with a Dockerfile, each fault with its line. */
export function faultsOfDockerfile(dockerfile: string): string[] {
  const instructions = instructionsOf(dockerfile)
  const stages = stagesOf(instructions)
  const names = stages.map(({ name }) => name)
  const last = stages.at(-1)
  if (last === undefined) return ['no FROM']
  return [
    ...stages.flatMap(({ base }) =>
      names.includes(base) || isPinned(base) ? [] : [`${base} is not pinned`],
    ),
    ...instructions.flatMap((each) =>
      faultsOf(each, names).map((fault) => `${each.line}: ${fault}`),
    ),
    ...stages.flatMap(faultsOfCaching),
    ...faultsOfImage(last),
  ]
}

function faultsOf(
  { name, flags, text }: Instruction,
  stages: readonly (string | undefined)[],
): string[] {
  const faults: string[] = []
  if (name === 'ADD') faults.push('ADD unpacks and downloads: use COPY')
  if (name === 'RUN' && /\bnpm (install|i)\b/.test(text))
    faults.push('npm install ignores the lock: use npm ci')
  if (name === 'RUN' && /\b(sudo|curl|wget)\b/.test(text)) faults.push('sudo and downloads')
  if (['ENV', 'ARG'].includes(name) && /SECRET|TOKEN|PASSWORD|KEY/i.test(text))
    faults.push('a secret would stay in the image')
  if (['CMD', 'ENTRYPOINT'].includes(name) && execForm(text) === undefined)
    faults.push(`${name} in shell form: the shell receives the signals`)
  if (['CMD', 'ENTRYPOINT'].includes(name) && /^\["(npm|sh|bash)"/.test(text))
    faults.push('npm or a shell would be process 1')
  if (flags.from !== undefined && !stages.includes(flags.from))
    faults.push(`no stage ${flags.from}`)
  if (
    name === 'COPY' &&
    flags.from === undefined &&
    copyOf({ name, flags, text, line: 0 }).sources.includes('.')
  )
    faults.push('COPY . takes whatever lies there')
  return faults
}

/** The packages are installed before the sources are copied: a change of a source keeps that layer. */
function faultsOfCaching({ instructions }: Stage): string[] {
  const install = instructions.findIndex(
    ({ name, text }) => name === 'RUN' && /\bnpm ci\b/.test(text),
  )
  if (install === -1) return []
  const before = instructions
    .slice(0, install)
    .filter(({ name }) => name === 'COPY')
    .flatMap((each) => copyOf(each).sources)
  const isRight = before.toSorted().join() === 'package-lock.json,package.json'
  return isRight
    ? []
    : [`before npm ci stand package.json and its lock alone, not ${before.join(', ')}`]
}

function faultsOfImage(stage: Stage): string[] {
  const { instructions } = stage
  const user = instructions.findLast(({ name }) => name === 'USER')?.text
  const count = (wanted: string) => instructions.filter(({ name }) => name === wanted).length
  const health = healthCheckOf(stage)
  return [
    ...(user === undefined || /^(root|0)\b/.test(user) ? ['the last USER is root'] : []),
    ...(count('CMD') === 1 ? [] : ['one CMD, please']),
    ...(count('RUN') === 0 ? [] : ['the image runs commands: do that in an earlier stage']),
    ...(health === undefined || /curl|wget/.test(health[0] ?? '')
      ? ['HEALTHCHECK in exec form, without curl']
      : []),
  ]
}

/** Whether an ignore file keeps a path of the context out, by Docker's rules: the last pattern that matches decides. */
export function createIsIgnored(ignoreFile: string): (path: string) => boolean {
  const rules = ignoreFile
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => ({
      isIgnored: !line.startsWith('!'),
      pattern: toPattern(posix.normalize(line.replace(/^!/, '')).replace(/^\/|\/$/g, '')),
    }))
  return function isIgnored(path) {
    const parts = posix.normalize(path).split('/')
    const withParents = parts.map((_, index) => parts.slice(0, index + 1).join('/'))
    return (
      rules.findLast(({ pattern }) => withParents.some((each) => pattern.test(each)))?.isIgnored ??
      false
    )
  }
}

/** `*` and `?` stay within a name, and `**` matches any number of folders, none included. */
function toPattern(glob: string): RegExp {
  const source = glob.replace(/[.+^${}()|\\]/g, '\\$&').replace(/\*\*\/|\*\*|\*|\?/g, (wild) => {
    if (wild === '**/') return '(?:.*/)?'
    if (wild === '**') return '.*'
    return wild === '*' ? '[^/]*' : '[^/]'
  })
  return new RegExp(`^${source}$`)
}
