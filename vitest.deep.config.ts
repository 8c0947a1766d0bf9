import { readdirSync, readFileSync } from 'node:fs'
import { defineConfig } from 'vitest/config'
import { projectsOf, shared, slow } from './vitest.config.js'

/** The files of which `npm test` runs a sample (test/deep.ts); it runs none of the slow ones. */
const sampled = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => `test/${name}`)
  .filter((file) => /from '\..*\/deep\.js'|sampledSingles/.test(readFileSync(file, 'utf8')))

// `npm run test:deep`: those files, whole.
export default defineConfig({
  ...shared,
  test: {
    ...shared.test,
    env: { DEEP: '1' },
    testTimeout: 60_000,
    projects: projectsOf([...sampled, ...slow]),
  },
})
