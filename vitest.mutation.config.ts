import { defineConfig } from 'vitest/config'
import { shared } from './vitest.config.js'

// `npm run mutation`: the tests of the files named in stryker.config.json, in the order they are named there.
export default defineConfig({
  ...shared,
  test: {
    ...shared.test,
    include: [
      'test/http/{cookie-header,signed-cookie}.test.ts',
      'test/http/csrf.test.ts',
      'test/http/return-to.test.ts',
      'test/front-door/{hostile-cookies,signed-cookie,two-cookies}.test.ts',
      'test/front-door/{csrf-matrix,check,require-session,session-rule,step-up}.test.ts',
      'test/front-door/guard-{verdict,repeated-lookup}.test.ts',
      'test/front-door/{revoked,ended}-meanwhile.test.ts',
      'test/session/{revocations,revocations-shared,shared,shared-log,one-lookup}.test.ts',
      'test/limiter/policy.test.ts',
    ],
  },
})
