/** The packed package in projects in TypeScript, of several compilers, kinds of modules and versions of Express's types. */
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { typescript } from './app-code.js'
import { root, useProjects } from './projects.js'

const project = useProjects()

const versions = {
  '5.4': 'test/consumers/typescript-5.4/node_modules/typescript',
  '5.9': 'test/consumers/typescript-5.9/node_modules/typescript',
  '6.0': 'node_modules/typescript',
}

type Version = keyof typeof versions

/** `compilerOptions` beside the common ones, and the type of the project. */
const settings = [
  ['commonjs', { module: 'commonjs' }, 'commonjs'],
  ['node16', { module: 'node16' }, 'commonjs'],
  ['nodenext', { module: 'nodenext' }, 'commonjs'],
  ['node16', { module: 'node16' }, 'module'],
  ['nodenext', { module: 'nodenext' }, 'module'],
  ['bundler', { module: 'esnext', moduleResolution: 'bundler' }, 'module'],
] as const

/** Express's types by turns: each compiler meets both, in ES modules and in CommonJS. */
const projects = (Object.keys(versions) as Version[]).flatMap((version, at) =>
  settings.map(([name, options, type], each) => {
    const express: '4' | '5' = (at + each) % 2 === 0 ? '5' : '4'
    return { version, name, options, type, express }
  }),
)

describe('a project in TypeScript', { timeout: 240_000 }, () => {
  it.each(projects)(
    'compiles with TypeScript $version, module $name in a $type project, and the types of Express $express',
    async ({ version, options, type, express }) => {
      const compilerOptions = {
        ...options,
        target: 'es2022',
        strict: true,
        exactOptionalPropertyTypes: true,
        esModuleInterop: true,
        noEmit: true,
        types: ['node'],
      }
      const { node } = await project({
        type,
        packages: {
          '@types/node': '@types/node',
          '@types/express': express === '4' ? '@types/express4' : '@types/express',
        },
        files: {
          'app.ts': typescript,
          // Declarations are checked, those of the package among them.
          'tsconfig.json': JSON.stringify({ compilerOptions, include: ['app.ts'] }),
        },
      })
      const printed = await node(join(root, versions[version], 'bin/tsc')).catch(
        (error: Error) => error.message,
      )
      // The declarations of other packages may be newer than an old compiler.
      const faults = printed
        .split('\n')
        .filter((line) => /^(app|node_modules.express-okta)/.test(line))
      expect(faults).toEqual([])
    },
  )
})
