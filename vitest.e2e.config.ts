import { defineConfig, mergeConfig } from 'vitest/config'
import shared from './vitest.config.js'

// One browser at a time: `npm run test:e2e`.
const config = mergeConfig(shared, defineConfig({ test: { fileParallelism: false } }))
config.test.include = ['test/e2e/**/*.e2e.ts']
config.test.testTimeout = 60_000
export default config
