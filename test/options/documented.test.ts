/**
 * The doc comment of each option says what the table of options says, and the table in docs/options.md says what the
 * doc comment says. The first paragraph of a doc comment has one form:
 * `<meaning>. [In milliseconds.] [Default <default>[; <min> to <max>].] [Environment: <variable>.]`
 */
import { readFileSync, writeFileSync } from 'node:fs'
import ts from 'typescript'
import { describe, expect, it, test } from 'vitest'
import {
  apiOptions,
  cookieOptions,
  handlerOptions,
  type Option,
  sessionOptions,
} from '../../src/options/table.js'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

type Options = Readonly<Record<string, Option<unknown>>>

const { cache, credentials, pages, upstream } = sessionOptions
const { apiToken, accessToken, ...serviceApp } = credentials.options

/** Which interface documents which options. */
const documented: readonly [file: string, type: string, options: Options][] = [
  ['options/options.ts', 'OktaSessionOptions', sessionOptions],
  ['options/options.ts', 'CacheOptions', cache.options],
  ['options/options.ts', 'UpstreamOptions', upstream.options],
  ['options/options.ts', 'BudgetOptions', upstream.options.failedLookups.options],
  ['options/options.ts', 'PageOptions', pages.options],
  ['options/options.ts', 'CookieOption', cookieOptions],
  ['options/options.ts', 'ApiTokenCredentials', { apiToken }],
  ['options/options.ts', 'AccessTokenCredentials', { accessToken }],
  ['options/options.ts', 'PrivateKeyCredentials', serviceApp],
  ['public-types.ts', 'RefreshOptions', handlerOptions.refresh],
  ['public-types.ts', 'RefreshOnActivityOptions', handlerOptions.refreshOnActivity],
  ['public-types.ts', 'SessionInfoOptions', handlerOptions.sessionInfo],
  ['public-types.ts', 'ForwardAuthOptions', handlerOptions.forwardAuth],
  ['public-types.ts', 'EventHookOptions', handlerOptions.eventHook],
  ['public-types.ts', 'SharedSignalsOptions', handlerOptions.sharedSignals],
  ['public-types.ts', 'SessionRule', handlerOptions.rule],
  ['public-types.ts', 'LoginOptions', handlerOptions.login],
  ['public-types.ts', 'LogoutOptions', handlerOptions.logout],
]

const comments: ReadonlyMap<string, string> = new Map([
  ...commentsOf('options/options.ts'),
  ...commentsOf('public-types.ts'),
])

const page = 'docs/options.md'

describe('the page of options', () => {
  it('is generated: it has a row for each option, with its default, its bounds and its meaning', () => {
    const [before, table, after] = read(page).split(
      /(?<=<!-- options -->\n)|(?=<!-- options end -->\n)/,
    )
    const rows = Object.keys(sessionOptions).flatMap((name) => {
      if (name === 'cache') return rowsOf('CacheOptions', cache.options, 'cache.')
      if (name === 'upstream') return rowsOf('UpstreamOptions', upstream.options, 'upstream.')
      if (name === 'pages') return rowsOf('PageOptions', pages.options, 'pages.')
      return rowsOf('OktaSessionOptions', { [name]: true })
    })
    const head = ['| option | default | meaning |', '| --- | --- | --- |']
    const generated = `${[...head, ...rows].join('\n')}\n`
    if (process.env.UPDATE_DOCS === 'true')
      writeFileSync(new URL(`../../${page}`, import.meta.url), `${before}${generated}${after}`)
    else expect(table).toBe(generated)
  })

  it('names the environment variable of each credential', () => {
    for (const { env } of Object.values<Option<unknown>>(credentials.options))
      if (env !== undefined) expect(read(page)).toContain(`\`${env}\``)
  })
})

function rowsOf(type: string, options: object, prefix = ''): string[] {
  return Object.keys(options).map((name) => {
    const { meaning, byDefault, env } = partsOf(comments.get(`${type}.${name}`) ?? '')
    const defaults = [env, byDefault].filter(Boolean).join(', else ')
    return `| \`${prefix}${name}\` | ${defaults || '–'} | ${meaning} |`
  })
}

/** The parts of the first paragraph of a doc comment. */
function partsOf(comment: string) {
  const form =
    /^(.+?\.)(?: In milliseconds\.)?(?: Default:? (.+?)\.)?(?: Environment: (.+?)\.)?(?:\n|$)/
  const [, meaning = '', byDefault, env] = form.exec(comment) ?? []
  return { meaning, byDefault, env }
}

describe('the doc comment', () => {
  const each = documented.flatMap(([, type, options]) =>
    Object.entries(options).map(([name, option]) => [`${type}.${name}`, option] as const),
  )

  test.each(each)(
    'the doc comment of %s names its default, bounds, unit and variable',
    (path, option) => {
      const comment = comments.get(path)
      expect(comment, 'there is one').toBeDefined()
      for (const fact of factsOf(option)) expect(comment).toContain(fact)
    },
  )

  it('no option has a doc comment without a row in the table', () => {
    for (const [, type, options] of documented) {
      const paths = [...comments.keys()].filter((path) => path.startsWith(`${type}.`))
      expect(paths).toEqual(Object.keys(options).map((name) => `${type}.${name}`))
    }
  })

  it('of an option of SessionApi is that of the same option of oktaSession()', () => {
    for (const [name, option] of Object.entries(apiOptions))
      expect([Reflect.get(sessionOptions, name), Reflect.get(upstream.options, name)]).toContain(
        option,
      )
  })
})

/** What a comment has to say of an option. */
function factsOf(option: Option<unknown>): string[] {
  const { env, unit, min = 0, max = 0 } = option
  const byDefault = 'required' in option ? 'Required' : defaultOf(option)
  return [
    ...(env === undefined ? [] : [`Environment: \`${env}\``]),
    ...(unit === 'ms' ? ['In milliseconds.'] : []),
    ...(byDefault === undefined ? [] : [byDefault]),
    ...(max > 0 && Number.isFinite(max) ? [`${plain(min)} to ${plain(max)}`] : []),
  ]
}

function defaultOf(option: Option<unknown>): string | undefined {
  const { default: value } = option
  if (isBudget(option)) {
    const defaults = Object.entries(option.options).flatMap(([name, { default: value }]) =>
      value === undefined ? [] : `${name}: ${value}`,
    )
    return `Default \`{ ${defaults.join(', ')} }\``
  }
  if (value === undefined || isOfABudget(option)) return undefined
  if (typeof value === 'number') return `Default ${plain(value)}`
  if (typeof value === 'boolean' || typeof value === 'string') return `Default \`${value}\``
  if (!Array.isArray(value)) return value === console ? 'Default `console`' : undefined
  return `Default \`[${value.map((each) => `'${each}'`).join(', ')}]\``
}

function isBudget(option: Option<unknown>): option is Option<unknown> & { options: Options } {
  return 'options' in option && Object.hasOwn(option.options as object, 'perSecond')
}

/** Each budget has defaults of its own: the type that they share names none. */
function isOfABudget(option: Option<unknown>): boolean {
  const budgets = Object.values<Option<unknown>>(upstream.options).filter(isBudget)
  return budgets.some(({ options }) => Object.values(options).includes(option))
}

const plain = (value: number) => value.toLocaleString('en-US')

/** The doc comment of each member of each interface in a file; each paragraph is one line. */
function commentsOf(name: string): ReadonlyMap<string, string> {
  const file = ts.createSourceFile(name, read(`src/${name}`), ts.ScriptTarget.ES2023, true)
  const members = file.statements.filter(ts.isInterfaceDeclaration).flatMap((type) =>
    type.members.map((member) => {
      const [doc] = ts.getJSDocCommentsAndTags(member).filter(ts.isJSDoc)
      const text = ts.getTextOfJSDocComment(doc?.comment) ?? ''
      const path = `${type.name.text}.${member.name?.getText()}`
      return [path, text.replace(/(?<!\n)\n(?!\n)/g, ' ')] as const
    }),
  )
  return new Map(members.filter(([, text]) => text !== ''))
}
