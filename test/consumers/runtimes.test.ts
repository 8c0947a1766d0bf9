/** The packed package, and tests of the front door, under other versions of Node; a smoke test under Deno and Bun. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { body, imports, PRINTED, requires } from './app-code.js'
import { root, useProjects } from './projects.js'
import { canRun, programOf, type Runtime } from './runtimes.js'

const run = promisify(execFile)
const project = useProjects()

const esm = {
  'app.js': `${imports}\n${body}\nexport default main`,
  'run.js': `import { createServer } from 'node:http'\nimport main from './app.js'\nconsole.log(await main(createServer))\nprocess.exit()`,
}
const cjs = {
  'app.js': `${requires}\n${body}\nmodule.exports = main`,
  'run.js': `require('./app.js')(require('node:http').createServer).then((line) => console.log(line))`,
}

/** The program, or undefined where the registry can't be reached; with CI=true that is a failure. */
async function found(runtime: Runtime, skip: (why: string) => never): Promise<string> {
  try {
    return await programOf(runtime)
  } catch (error) {
    if (process.env.CI === 'true') throw error
    return skip(`${runtime} comes from the npm registry, which can't be reached`)
  }
}

describe.runIf(canRun)('under other runtimes', { timeout: 240_000 }, () => {
  it.for(['Node 22', 'Node 24'] as const)(
    '%s requires and imports the package',
    async (runtime, { skip }) => {
      const program = await found(runtime, skip)
      for (const options of [
        { type: 'module', files: esm },
        { type: 'commonjs', files: cjs },
      ] as const) {
        const { folder } = await project(options)
        const { stdout, stderr } = await run(program, ['run.js'], { cwd: folder })
        expect(stdout).toBe(`${PRINTED}\n`)
        expect(stderr).toBe('')
      }
    },
  )

  it.for(['Node 22', 'Node 24'] as const)(
    '%s passes tests of the front door',
    async (runtime, { skip }) => {
      const program = await found(runtime, skip)
      const files = ['require-session', 'login', 'logout', 'refresh', 'watch', 'event-hook']
      const paths = files.map((name) => `test/front-door/${name}.test.ts`)
      const args = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...paths]
      const env = { PATH: process.env.PATH, HOME: process.env.HOME }
      const { stdout } = await run(program, args, { cwd: root, env, maxBuffer: 2 ** 24 })
      expect(stdout).toMatch(/Test Files .*6 passed/)
    },
  )

  it.for([
    ['Deno', ['run', '--allow-all', '--node-modules-dir=manual', 'run.js']],
    ['Bun', ['run.js']],
  ] as const)('%s imports the package', async ([runtime, args], { skip }) => {
    const program = await found(runtime, skip)
    const { folder } = await project({ type: 'module', files: esm })
    const { stdout } = await run(program, [...args], { cwd: folder })
    expect(stdout).toBe(`${PRINTED}\n`)
  })
})
