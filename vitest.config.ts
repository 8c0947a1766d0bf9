import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

// The examples import the package by its name, as a user would; in tests that name is the source itself.
export const shared = defineConfig({
  resolve: {
    alias: [
      { find: /^express-okta-session\/local-org$/, replacement: here('./src/local-org/index.ts') },
      { find: /^express-okta-session\/redis$/, replacement: here('./src/redis/index.ts') },
      {
        find: /^express-okta-session\/opentelemetry$/,
        replacement: here('./src/opentelemetry/index.ts'),
      },
      { find: /^express-okta-session$/, replacement: here('./src/index.ts') },
    ],
  },
  test: { testTimeout: 20_000, hookTimeout: 20_000, maxWorkers: 2 },
})

/** Tests that collect garbage or read the heap of their process: each file has a process of its own. */
const heap = ['test/session/memory-*.test.ts', 'test/front-door/two-orgs.test.ts']

/** Tests against real servers and compilers that take long: `npm run test:deep` runs them. */
export const slow = [
  'test/redis/{client,commands,entries,parts,redis-failures,revocation-stream}.test.ts',
  'test/examples/two-instances.test.ts',
  'test/consumers/{typescript,runtimes}.test.ts',
  'test/containers/containers.test.ts',
  'test/examples/next.test.ts',
]

/** Runs these files; those beside the heap tests share their modules, which took a third of the time to load. */
export const projectsOf = (include: string[], without: string[] = []) => [
  {
    extends: true as const,
    test: { name: 'tests', include, exclude: [...heap, ...without], isolate: false },
  },
  { extends: true as const, test: { name: 'heap', include: heap } },
]

export default defineConfig({
  ...shared,
  test: { ...shared.test, projects: projectsOf(['test/**/*.test.ts'], slow) },
})
