/** Makes the value of the `cache.store` option: a Redis or Valkey that all instances share. */
import type { SessionStore } from '../contracts.js'
import { defineStore } from '../session/shared-cache.js'
import { RedisEngine } from './engine.js'
import { type RedisStoreOptions, readRedisStoreOptions } from './options.js'

/**
 * A second cache level in Redis or Valkey, over a client of your own: instances share sessions, refreshes,
 * revocations and budgets. It is opened by oktaSession(), which needs `secret` with it: everything is sealed
 * with keys derived from it before it leaves the process. The client stays yours: connect it, listen for its
 * errors and close it after `okta.close()`.
 *
 * Redis is never waited for longer than a tenth of a second, and an instance that can't reach it works alone.
 *
 * @throws TypeError for a client it cannot use, and for unknown options.
 * @example
 * // const client = createClient({ url: 'redis://redis.internal:6379' }), or new Redis(...)
 * const okta = oktaSession({
 *   secret: process.env.SESSION_SECRET,
 *   cache: { store: redisStore({ client }) },
 * })
 */
export function redisStore(options: RedisStoreOptions): SessionStore {
  const checked = readRedisStoreOptions(options)
  return defineStore((context) => new RedisEngine(checked, context))
}
