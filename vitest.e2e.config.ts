import { defineConfig } from 'vitest/config'
import { shared } from './vitest.config.js'

// One browser at a time: `npm run test:e2e`.
export default defineConfig({
  ...shared,
  test: {
    ...shared.test,
    include: ['test/e2e/**/*.e2e.ts'],
    testTimeout: 60_000,
    fileParallelism: false,
  },
})
