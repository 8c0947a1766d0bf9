/** Runs a local org in a process of its own. */
import { createLocalOrg } from './package.js'
import { serve } from './processes.js'

const org = await createLocalOrg()

serve(
  {
    url: () => org.url,
    calls: () => Object.values(org.calls).reduce((sum, each) => sum + each, 0),
    /** @param {number} count @param {'idx' | 'sid'} cookie */
    signIn: (count, cookie) =>
      Array.from({ length: count }, (_, i) =>
        org.signIn(org.users[i % org.users.length]?.login ?? '', { cookie }),
      ),
    /** @param {string} session A Cookie header. */
    endSession: (session) => org.endSession(session),
  },
  () => org.close(),
)
