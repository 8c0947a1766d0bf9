/** The packed package in projects of users: ES modules, CommonJS, Jest and Vitest. */
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { body, imports, PRINTED, requires } from './app-code.js'
import { root, useProjects } from './projects.js'

const project = useProjects()

const cjs = `${requires}\n${body}\nmodule.exports = main`
const runCjs = `require('./app.js')(require('node:http').createServer).then((line) => console.log(line))`
const esm = `${imports}\n${body}\nexport default main`
const runEsm = `import { createServer } from 'node:http'\nimport main from './app.js'\nconsole.log(await main(createServer))`

describe('a project in JavaScript', { timeout: 60_000 }, () => {
  it('requires the package, with no flag of Node’s and without Express', async () => {
    const { node } = await project({ files: { 'app.js': cjs, 'run.js': runCjs } })
    expect(await node('run.js')).toBe(`${PRINTED}\n`)
  })

  it('imports the package, without Express', async () => {
    const { node } = await project({
      type: 'module',
      files: { 'app.js': esm, 'run.js': runEsm },
    })
    expect(await node('run.js')).toBe(`${PRINTED}\n`)
  })

  it('both in one process know each other’s errors and stores', async () => {
    const code = `
      import { createRequire } from 'node:module'
      import * as esm from 'express-okta-session'
      import { redisStore } from 'express-okta-session/redis'
      const require = createRequire(import.meta.url)
      const cjs = require('express-okta-session')
      const other = require('express-okta-session/redis')
      class Own extends esm.OktaApiError {}
      const details = { operation: 'getSession', status: 404 }
      const unavailable = { operation: 'getSession', code: 'timeout', retryable: true }
      const errors = [new esm.OktaApiError('', details), new cjs.OktaApiError('', details)]
      const silent = [new esm.OktaUnavailableError('', unavailable), new cjs.OktaUnavailableError('', unavailable)]
      const command = async () => { throw new Error('no Redis') }
      const options = { orgUrl: 'https://id.example.com', secret: 'x'.repeat(32), logger: false }
      const opened = [[esm, other.redisStore], [cjs, redisStore]].map(async ([copy, make]) => {
        const okta = copy.oktaSession({ ...options, cache: { store: make({ command, reader: command }) } })
        await okta.close()
        return okta.stats().store?.state
      })
      console.log(JSON.stringify([
        esm.OktaApiError === cjs.OktaApiError,
        errors.map((e) => [e instanceof esm.OktaApiError, e instanceof cjs.OktaApiError, e instanceof esm.OktaUnavailableError, e instanceof Own, e instanceof Error]),
        silent.map((e) => [e instanceof esm.OktaUnavailableError, e instanceof cjs.OktaUnavailableError, e instanceof cjs.OktaApiError]),
        new Own('', details) instanceof Own,
        [null, 'x', {}].some((e) => e instanceof cjs.OktaApiError),
        await Promise.all(opened),
      ]))`
    const { node } = await project({ type: 'module', files: { 'run.js': code } })
    expect(JSON.parse(await node('run.js'))).toEqual([
      false,
      [
        [true, true, false, false, true],
        [true, true, false, false, true],
      ],
      [
        [true, true, false],
        [true, true, false],
      ],
      true,
      false,
      ['unavailable', 'unavailable'],
    ])
  })

  it('prints errors without the marks that copies know them by', async () => {
    const code = `
      const { OktaApiError } = require('express-okta-session')
      const { inspect } = require('node:util')
      const error = new OktaApiError('m', { operation: 'getSession', status: 404 })
      console.log(inspect({ ...error }), JSON.stringify(error))`
    const { node } = await project({ files: { 'run.js': code } })
    const printed = await node('run.js')
    expect(printed).not.toMatch(/Symbol|true/)
    expect(printed).toContain('"status":404')
  })
})

describe('test runners', { timeout: 120_000 }, () => {
  it('Jest runs a test of an app over the local org, without flags', async () => {
    const { node } = await project({
      files: {
        'app.js': cjs,
        'app.test.js': `
          const main = require('./app.js')
          const { createServer } = require('node:http')
          test('the app', async () => {
            expect(await main(createServer)).toBe('${PRINTED}')
          })`,
      },
    })
    await node(join(root, 'node_modules/jest/bin/jest.js'), '--ci', '--silent')
  })

  it('Vitest runs the same as an ES module', async () => {
    const { node } = await project({
      type: 'module',
      packages: { vitest: 'vitest' },
      files: {
        'app.js': esm,
        'app.test.js': `
          import { createServer } from 'node:http'
          import { expect, test } from 'vitest'
          import main from './app.js'
          test('the app', async () => {
            expect(await main(createServer)).toBe('${PRINTED}')
          })`,
      },
    })
    await node(join(root, 'node_modules/vitest/vitest.mjs'), 'run')
  })
})
