import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

// The examples import the package by its name, as a user would; in tests that name is the source itself.
export default defineConfig({
  resolve: {
    alias: [
      { find: /^express-okta-session\/local-org$/, replacement: here('./src/local-org/index.ts') },
      { find: /^express-okta-session$/, replacement: here('./src/index.ts') },
    ],
  },
  test: { include: ['test/**/*.test.ts'], testTimeout: 20_000, hookTimeout: 20_000 },
})
