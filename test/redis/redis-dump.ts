/** Reads all that a Redis holds, to be searched for what must not be there. */
import { hash } from 'node:crypto'
import type { RedisServer } from './redis-server.js'

/** The sha256 of a text, in an encoding that a value in Redis may have. */
export function digestOf(text: string, encoding: 'hex' | 'base64url' | 'latin1'): string {
  return hash('sha256', text, 'buffer').toString(encoding)
}

/** All keys with their values, as Redis serialises them for another server. */
export async function dumpOf(server: RedisServer): Promise<Buffer> {
  const keys = (await server.command('KEYS', '*')) as string[]
  const parts: string[] = [...keys]
  for (const key of keys) {
    const type = String(await server.command('TYPE', key))
    if (type === 'none') continue // A lease has ended since its key was listed.
    const read = { string: ['GET', key], hash: ['HGETALL', key], stream: ['XRANGE', key, '-', '+'] }
    const [command, ...args] = read[type as keyof typeof read] ?? []
    if (!command) throw new Error(`no command reads a ${type}`)
    parts.push(JSON.stringify(await server.command(command, ...args)))
  }
  return Buffer.from(parts.join('\n'), 'latin1')
}
