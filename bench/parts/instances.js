/** Four instances of one app, each a process of its own, over one Redis and one org. */
import { setTimeout as pause } from 'node:timers/promises'
import { startProcess } from './processes.js'

export const INSTANCES = 4
export const SECRET = 'the secret of this benchmark, of 32 bytes at least'

/** @typedef {[Served, Served, Served, Served]} Instances */
/** @typedef {import('./processes.js').Served} Served */

/**
 * Resolves when each of them counts all of them.
 * @param {'node-redis' | 'ioredis'} client
 * @param {number} port Redis's.
 * @param {string} orgUrl
 */
export async function startInstances(client, port, orgUrl) {
  const args = [client, `${port}`, orgUrl, SECRET]
  const start = () => startProcess('instance-process.js', args)
  const instances = /** @type {Instances} */ (
    await Promise.all(Array.from({ length: INSTANCES }, start))
  )
  for (const instance of instances)
    while ((await instance.call('stats')).instances < INSTANCES) await pause(20)
  const stop = () => Promise.all(instances.map((instance) => instance.stop()))
  return { instances, stop }
}
