/** Connected clients of a Redis on this machine. */
import { Redis } from 'ioredis'
import { createClient } from 'redis'

/**
 * @typedef {object} ConnectedClient
 * @property {object} client For redisStore().
 * @property {(...args: string[]) => Promise<unknown>} send Sends one command.
 * @property {() => void} close
 */

/**
 * @param {'node-redis' | 'ioredis'} kind
 * @param {number} port
 * @returns {Promise<ConnectedClient>}
 */
export async function connectedClient(kind, port) {
  if (kind === 'ioredis') {
    const client = new Redis({ host: '127.0.0.1', port, lazyConnect: true })
    await client.connect()
    const send = (/** @type {string[]} */ ...[name = '', ...args]) => client.call(name, ...args)
    return { client, send, close: () => client.disconnect() }
  }
  const client = createClient({ url: `redis://127.0.0.1:${port}` })
  client.on('error', () => {})
  await client.connect()
  return { client, send: (...args) => client.sendCommand(args), close: () => client.destroy() }
}
