/** The options of redisStore(), and their faults. */
import { createFaults, givenSecret } from '../options/faults.js'
import { isRecord, printable } from '../options/group.js'
import {
  adaptClient,
  adaptFunctions,
  type OpenReader,
  type RedisClient,
  type SendCommand,
} from './client.js'

/**
 * Options of redisStore(): a client, or two functions in place of one.
 *
 * @example
 * const options: RedisStoreOptions = { client, prefix: 'shop' }
 */
export interface RedisStoreOptions {
  /** A client of node-redis 4 or newer or of ioredis 5 or newer, of their clusters or Sentinel. The app connects and closes it. */
  readonly client?: object | undefined
  /** The first part of every key. Default `eos`; 1 to 64 letters, digits, `.`, `_` or `-`. Two prefixes share nothing. */
  readonly prefix?: string | undefined
  /** In place of `client`, for a pool or any other client: sends one command. `key` routes it in a cluster. */
  readonly command?: SendCommand | undefined
  /** With `command`: opens a connection of its own, whose commands may block. */
  readonly reader?: OpenReader | undefined
}

export interface CheckedRedisStoreOptions {
  readonly client: RedisClient
  readonly prefix: string
}

const KNOWN = ['client', 'prefix', 'command', 'reader']
const CLIENTS =
  'a client of node-redis (createClient, createCluster, createSentinel) or ioredis (Redis, Cluster)'

/** @throws TypeError with every fault in it. */
export function readRedisStoreOptions(options: unknown): CheckedRedisStoreOptions {
  const faults = createFaults()
  const given = isRecord(options) ? options : {}
  if (adaptClient(options) !== undefined)
    faults.add('EOS203', 'redisStore()', 'got the client itself', 'write redisStore({ client })')
  else if (!isRecord(options))
    faults.add('EOS203', 'redisStore()', givenSecret(options), 'write redisStore({ client })')
  else {
    for (const key of Object.keys(given))
      if (!KNOWN.includes(key))
        faults.add('EOS201', printable(key), 'no such option', `known are ${KNOWN.join(', ')}`)
  }
  const { prefix = 'eos' } = given
  if (typeof prefix !== 'string' || !/^[\w.-]{1,64}$/.test(prefix))
    faults.add(
      'EOS203',
      'prefix',
      givenSecret(prefix),
      'must be 1 to 64 letters, digits, ".", "_" or "-"',
    )
  const client = readClient(faults, given)
  faults.throwIfAny('redisStore()')
  // Without a fault both are valid.
  return { client: client as RedisClient, prefix: String(prefix) }
}

function readClient(
  faults: ReturnType<typeof createFaults>,
  { client, command, reader }: Readonly<Record<string, unknown>>,
): RedisClient | undefined {
  if (client === undefined && isCallable<SendCommand>(command) && isCallable<OpenReader>(reader))
    return adaptFunctions(command, reader)
  if (command !== undefined || reader !== undefined) {
    const advice = 'give command(args, key) and reader() together, or client alone'
    return faults.add(
      'EOS207',
      'command',
      'one of client, command and reader alone or all of them',
      advice,
    )
  }
  const adapted = adaptClient(client)
  if (adapted !== undefined) return adapted
  return faults.add('EOS203', 'client', givenSecret(client), `must be ${CLIENTS}`)
}

function isCallable<F>(value: unknown): value is F {
  return typeof value === 'function'
}
