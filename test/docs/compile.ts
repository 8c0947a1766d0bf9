/** Compiles pieces of code that stand in documents and comments, against the sources of this package. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** The entry points an app imports. */
export const entries = [
  { specifier: 'express-okta-session', file: join(root, 'src/index.ts') },
  { specifier: 'express-okta-session/redis', file: join(root, 'src/redis/index.ts') },
  {
    specifier: 'express-okta-session/opentelemetry',
    file: join(root, 'src/opentelemetry/index.ts'),
  },
  { specifier: 'express-okta-session/local-org', file: join(root, 'src/local-org/index.ts') },
]

export const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  lib: ['lib.es2023.d.ts'],
  module: ts.ModuleKind.NodeNext,
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: true,
  noEmit: true,
  paths: Object.fromEntries(entries.map(({ specifier, file }) => [specifier, [file]])),
}

/**
 * What the compiler has against these files, with the text of each line at fault. `program`: one whose parsed
 * files are used again.
 */
export function faultsOf(
  files: readonly { readonly name: string; readonly code: string }[],
  program?: ts.Program,
): string[] {
  const host = ts.createCompilerHost(options)
  const { fileExists, getSourceFile } = host
  const codeOf = (path: string) => files.find(({ name }) => name === path)?.code
  host.fileExists = (path) => codeOf(path) !== undefined || fileExists(path)
  host.getSourceFile = (path, language, ...rest) => {
    const code = codeOf(path)
    return code === undefined
      ? getSourceFile(path, language, ...rest)
      : ts.createSourceFile(path, code, language)
  }
  const names = files.map(({ name }) => name)
  const examples = ts.createProgram(names, options, host, program)
  return names.flatMap((name) => {
    const source = examples.getSourceFile(name)
    if (source === undefined) return [`${name} is missing`]
    const diagnostics = [
      ...examples.getSyntacticDiagnostics(source),
      ...examples.getSemanticDiagnostics(source),
    ]
    return diagnostics.map(({ start = 0, messageText }) => {
      const { line } = source.getLineAndCharacterOfPosition(start)
      const text = source.text.split('\n')[line]?.trim()
      return `${text}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`
    })
  })
}
