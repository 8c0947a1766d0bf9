/** README's table of options and the doc comments of their types say what the table of options says. */
import { readFileSync } from 'node:fs'
import ts from 'typescript'
import { describe, expect, it, test } from 'vitest'
import { handlerOptions, type Option, sessionOptions } from '../../src/options/table.js'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

type Options = Readonly<Record<string, Option<unknown>>>

const optionsOf = (option: Option<unknown>): Options | undefined =>
  'options' in option ? (option.options as Options) : undefined

describe('README', () => {
  it('has a row for each option, with its default, its bounds and its meaning', () => {
    const [, table] = read('README.md').split(/<!-- options(?: end)? -->\n/)
    expect(table?.trim()).toBe(
      ['| option | default | meaning |', '| --- | --- | --- |', ...rowsOf(sessionOptions)].join(
        '\n',
      ),
    )
  })

  it('names the environment variable of each credential', () => {
    for (const { env } of Object.values(sessionOptions.credentials.options))
      if (env !== undefined) expect(read('README.md')).toContain(`\`${env}\``)
  })
})

function rowsOf(options: Options, path = ''): string[] {
  return Object.entries(options).flatMap(([name, option]) => {
    if (option.doc === '') return rowsOf(optionsOf(option) ?? {}, `${name}.`)
    return `| \`${path}${name}\` | ${defaultOf(option)} | ${option.doc} |`
  })
}

function defaultOf(option: Option<unknown>): string {
  if (option.env !== undefined || option.defaultText !== undefined)
    return [option.env && `\`${option.env}\``, option.defaultText].filter(Boolean).join(', else ')
  const inner = Object.entries(optionsOf(option) ?? {}).filter(([, each]) => each.max !== undefined)
  if (inner.length > 0)
    return `\`{ ${inner.map(([name, each]) => `${name}: ${each.default}`).join(', ')} }\``
  if (typeof option.default === 'number') return `${plain(option.default)}; ${boundsOf(option)}`
  return option.default === undefined ? '–' : `\`${option.default}\``
}

const plain = (value: number) => value.toLocaleString('en-US')

const boundsOf = ({ min = 0, max = 0 }: Option<unknown>) => `${plain(min)} to ${plain(max)}`

describe('the doc comment', () => {
  const { options: cache } = sessionOptions.cache
  const { options: upstream } = sessionOptions.upstream
  const types: [file: string, type: string, options: Options][] = [
    ['options/options.ts', 'OktaSessionOptions', sessionOptions],
    ['options/options.ts', 'CacheOptions', cache],
    ['options/options.ts', 'UpstreamOptions', upstream],
    ['options/options.ts', 'SessionApiOptions', { timeoutMs: upstream.timeoutMs }],
    ['public-types.ts', 'RefreshOptions', handlerOptions.refresh],
    ['public-types.ts', 'RefreshOnActivityOptions', handlerOptions.refreshOnActivity],
    ['public-types.ts', 'SessionInfoOptions', handlerOptions.sessionInfo],
    ['public-types.ts', 'ForwardAuthOptions', handlerOptions.forwardAuth],
    ['public-types.ts', 'SessionRule', handlerOptions.rule],
    ['public-types.ts', 'LoginOptions', handlerOptions.login],
    ['public-types.ts', 'LogoutOptions', handlerOptions.logout],
  ]
  const each = types.flatMap(([file, type, options]) =>
    Object.entries(options).map(([name, option]) => [`${type}.${name}`, file, option] as const),
  )

  test.each(each)('of %s names its default, bounds, unit and variable', (path, file, option) => {
    const comment = commentsOf(file).get(path)
    expect(comment, 'there is one').toBeDefined()
    for (const fact of factsOf(option)) expect(comment).toContain(fact)
  })

  it('is there for no option that the table lacks', () => {
    for (const [file, type, options] of types.filter(([, type]) => type !== 'SessionApiOptions')) {
      const paths = [...commentsOf(file).keys()].filter((path) => path.startsWith(`${type}.`))
      expect(paths).toEqual(Object.keys(options).map((name) => `${type}.${name}`))
    }
  })
})

/** What a comment has to say of an option. */
function factsOf(option: Option<unknown>): string[] {
  const inner = optionsOf(option)
  const numbers = Object.values(inner ?? {}).filter((each) => each.unit === undefined && each.max)
  return [
    ...(option.env === undefined ? [] : [option.env]),
    ...(option.unit === 'ms' ? ['milliseconds'] : []),
    ...(typeof option.default === 'number' ? [`Default ${plain(option.default)}`] : []),
    ...(typeof option.default === 'boolean' ? [`Default ${option.default}`] : []),
    ...(typeof option.default === 'string' ? [`Default \`${option.default}\``] : []),
    ...(Number.isFinite(option.max) && option.default !== undefined ? [boundsOf(option)] : []),
    ...(option.doc === '' ? [] : numbers.map((each) => String(each.default))),
  ]
}

/** The doc comment of each member of each interface in a file, on one line. */
function commentsOf(name: string): ReadonlyMap<string, string> {
  const file = ts.createSourceFile(name, read(`src/${name}`), ts.ScriptTarget.ES2023, true)
  const members = file.statements.filter(ts.isInterfaceDeclaration).flatMap((type) =>
    type.members.map((member) => {
      const text = ts
        .getJSDocCommentsAndTags(member)
        .map((doc) => doc.getText())
        .join(' ')
      return [
        `${type.name.text}.${member.name?.getText()}`,
        text.replace(/\s*\n\s*\*?\s*/g, ' '),
      ] as const
    }),
  )
  return new Map(members.filter(([, text]) => text !== ''))
}
