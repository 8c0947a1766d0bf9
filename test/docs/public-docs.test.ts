/**
 * Every public declaration has a doc comment, and so has each member of a public interface or class. The
 * functions, classes and methods an app calls have an example, and every example compiles.
 */
import { join } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { entries, faultsOf, options, root } from './compile.js'

/** What an app has around an example. */
const surroundings = `
declare const app: import('express').Express
declare const server: import('node:http').Server
declare const req: import('express').Request
declare const okta: import('express-okta-session').OktaSession
declare const api: import('express-okta-session').SessionApi
declare const org: import('express-okta-session/local-org').LocalOrg
declare const client: object
declare const sessionId: string
declare const sessionToken: string
declare const apiToken: string
declare const pem: string
declare const accessTokens: { current(): Promise<string> }
declare function afterEach(act: () => void): void
`

/** Interfaces whose methods an app calls. */
const CALLED = ['OktaSession', 'LocalOrg']

const program = ts.createProgram(
  entries.map(({ file }) => file),
  options,
)
const checker = program.getTypeChecker()

interface Documented {
  /** `SessionApi.getSession`, for example. */
  readonly path: string
  readonly symbol: ts.Symbol
  readonly hasToHaveAnExample: boolean
}

const publicSurface = entries.map(({ specifier, file }) => {
  const source = program.getSourceFile(file)
  const module = source && checker.getSymbolAtLocation(source)
  const exported = module === undefined ? [] : checker.getExportsOfModule(module)
  return {
    specifier,
    names: exported.map(({ name }) => name),
    surface: exported.flatMap(documented),
  }
})

const surface = publicSurface.flatMap((entry) => entry.surface)

describe('the public surface', () => {
  it('the search finds the exports of every entry and their members', () => {
    const paths = surface.map(({ path }) => path)
    expect(paths).toEqual(
      expect.arrayContaining([
        ...['oktaSession', 'createLocalOrg', 'SessionApi.getSession', 'OktaSession.check'],
        ...['SessionApiOptions.timeoutMs', 'OktaSessionOptions.onDenied', 'SessionRule.allow'],
        ...['OktaApiError.constructor', 'channels', 'Session.id', 'Fault', 'LocalOrg.signIn'],
      ]),
    )
  })

  it('the public surface has a doc comment at every declaration and every member', () => {
    const bare = surface.filter(({ symbol }) => commentOf(symbol) === '')
    expect(bare.map(({ path }) => path)).toEqual([])
  })

  it('the public surface has an example at every function, class and method that an app calls', () => {
    const bare = surface.filter((each) => each.hasToHaveAnExample && examplesOf(each).length === 0)
    expect(bare.map(({ path }) => path)).toEqual([])
  })
})

describe('the examples in doc comments', () => {
  it('the examples of the public surface compile', { timeout: 60_000 }, () => {
    const files = publicSurface.map((entry, index) => {
      const examples = entry.surface.flatMap((each) =>
        examplesOf(each).map((code) => inModule(each, code)),
      )
      const code = [...importsOf(entry), surroundings, ...examples].join('\n')
      return { name: join(root, `examples-${index}.ts`), code }
    })
    expect(faultsOf(files, program)).toEqual([])
  })
})

/** An exported symbol and its members. */
function documented(exported: ts.Symbol): Documented[] {
  const symbol =
    exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported
  const { name, flags } = symbol
  const isCallable = (flags & (ts.SymbolFlags.Function | ts.SymbolFlags.Class)) !== 0
  const members = isCallable && !(flags & ts.SymbolFlags.Class) ? [] : membersOf(symbol)
  return [
    {
      path: name,
      symbol,
      hasToHaveAnExample: isCallable || (flags & ts.SymbolFlags.Variable) !== 0,
    },
    ...members.map((member) => ({
      path: `${name}.${member.name === '__constructor' ? 'constructor' : member.name}`,
      symbol: member,
      hasToHaveAnExample: isMethod(member) && (isCallable || CALLED.includes(name)),
    })),
  ]
}

/** Those of a class or an interface that are declared in this package; inherited ones too. */
function membersOf(symbol: ts.Symbol): readonly ts.Symbol[] {
  if (!(symbol.flags & (ts.SymbolFlags.Class | ts.SymbolFlags.Interface))) return []
  const made = symbol.members?.get(ts.InternalSymbolName.Constructor)
  const members = checker.getPropertiesOfType(checker.getDeclaredTypeOfSymbol(symbol))
  return [...members, ...(made === undefined ? [] : [made])].filter(
    ({ declarations = [] }) => declarations.some(isOurs) && !declarations.some(isPrivate),
  )
}

function isOurs(declaration: ts.Declaration): boolean {
  return declaration.getSourceFile().fileName.startsWith(join(root, 'src'))
}

function isPrivate(declaration: ts.Declaration): boolean {
  return ts.isPropertyDeclaration(declaration) && ts.isPrivateIdentifier(declaration.name)
}

function isMethod({ flags }: ts.Symbol): boolean {
  return (flags & ts.SymbolFlags.Method) !== 0
}

function commentOf(symbol: ts.Symbol): string {
  const [declaration] = symbol.declarations ?? []
  const text = ts.displayPartsToString(symbol.getDocumentationComment(checker))
  if (text !== '' || declaration === undefined) return text
  // A constructor's comment is its signature's.
  const [doc] = ts.getJSDocCommentsAndTags(declaration).filter(ts.isJSDoc)
  return ts.getTextOfJSDocComment(doc?.comment) ?? ''
}

function examplesOf({ symbol }: Documented): readonly string[] {
  return symbol
    .getJsDocTags(checker)
    .filter(({ name }) => name === 'example')
    .map(({ text }) => ts.displayPartsToString(text))
}

/** What an example of an entry may name: all that the entry exports, then all that the other one does. */
function importsOf(own: (typeof publicSurface)[number]): readonly string[] {
  const taken = new Set(own.names)
  const others = publicSurface
    .filter((entry) => entry !== own)
    .map(({ specifier, names }) => {
      const free = names.filter((name) => !taken.has(name))
      for (const name of free) taken.add(name)
      return { specifier, names: free }
    })
  return [
    "import diagnostics_channel from 'node:diagnostics_channel'",
    "import { createServer, type ServerResponse } from 'node:http'",
    ...[own, ...others].map(
      ({ specifier, names }) => `import { ${names.join(', ')} } from '${specifier}'`,
    ),
  ]
}

/** Each example in a scope of its own, under a comment that a fault can be traced by. */
function inModule({ path }: Documented, code: string): string {
  return `// ${path}\nexport async function example${path.replace(/\W/g, '_')}() {\n${code}\n}`
}
