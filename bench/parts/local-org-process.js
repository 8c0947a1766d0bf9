/** Runs a local org in a process of its own. */
import { createLocalOrg } from './package.js'
import { now, serve } from './processes.js'

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
    /** Replaces the hook with this URL. @param {import('../../dist/local-org/index.js').EventHook} hook */
    addEventHook: (hook) => org.addEventHook(hook),
    /** @param {string} url */
    removePushes: (url) => org.removePushes(url),
    /**
     * Ends a session and delivers an event of it, after events of sessions and users that no instance knows.
     * Resolves with the times at which the delivery began and was answered.
     * @param {string} session A Cookie header.
     * @param {string} type
     * @param {number} others How many further events the delivery carries.
     */
    async endAndPush(session, type, others) {
      const event = org.hookEvent(type, { session })
      org.endSession(session)
      const began = now()
      const [delivery] = await org.deliverEvents([...unknownEvents(type, others), event])
      if (delivery?.status !== 204) throw new Error(`the hook answered ${delivery?.status}`)
      return { began, ended: now() }
    },
  },
  () => org.close(),
)

/**
 * @param {string} type
 * @param {number} count
 */
function unknownEvents(type, count) {
  return Array.from({ length: count }, (_, i) => {
    const digits = String(i).padStart(17, '0')
    return org.hookEvent(type, { user: `00u${digits}`, session: `102${digits}unseen` })
  })
}
