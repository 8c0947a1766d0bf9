/** Runs the example as several processes that share sessions over Redis, all behind one org. */
import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createLocalOrg } from 'express-okta-session/local-org'
import { greet } from './greeting.js'
import { inOneLine, readPort } from './listening.js'
import { localPushSettings, registerPushes, unregisterPushes } from './pushes.js'
import { findRedis } from './redis-program.js'

/** @typedef {{ readonly name: string, readonly url: string }} Instance */
/** @typedef {{ readonly name: string, readonly child: import('node:child_process').ChildProcess, url?: string }} Running */

const program = fileURLToPath(new URL('./instance.js', import.meta.url))
const STOP_LIMIT_MS = 5_000

/** @param {number} count */
export async function runInstances(count) {
  const port = readPort(process.env.PORT ?? '3000', 65_536 - count)
  /** @type {(() => Promise<unknown>)[]} */
  const closers = []
  /** @type {Promise<void> | undefined} */
  let stopping
  const stop = () => {
    stopping ??= closeAll(closers)
    return stopping
  }
  // Listeners that stay: npm may pass on a Ctrl-C that this process has already received. SIGHUP comes when the
  // terminal is closed.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop)
  try {
    await start()
  } catch (error) {
    const wasStopped = stopping !== undefined
    await stop()
    if (!wasStopped) throw error
  }

  async function start() {
    const redis = await findRedis()
    closers.push(redis.stop)
    const org = process.env.OKTA_CLIENT_ORGURL ? undefined : await createLocalOrg()
    if (org !== undefined) closers.push(() => org.close())
    if (stopping !== undefined) return closeAll(closers)

    const pushes = localPushSettings()
    const env = environmentOf(
      redis.url,
      org && { ...pushes, LOCAL_ORG_URL: org.url, LOCAL_ORG_API_TOKEN: org.apiToken },
    )
    const running = Array.from({ length: count }, (_, index) =>
      startInstance(`Instance ${index + 1}`, {
        ...env,
        PORT: String(port === 0 ? 0 : port + index),
      }),
    )
    closers.push(() => Promise.all(running.map(({ child }) => end(child))))
    await Promise.all(running.map(listening))
    const isStopping = () => stopping !== undefined
    for (const instance of running) reportEnd(instance, running, isStopping, stop)
    if (org !== undefined) await pushTo(running, org, pushes, isStopping)
    tellOthers(running)
    const urls = running.map(({ name, url = '' }) => /** @type {const} */ ([name, url]))
    greet([...urls, ['Its Redis', redis.description]], org)
  }
}

/** Closes what was started, the last first. @param {(() => Promise<unknown>)[]} closers */
async function closeAll(closers) {
  for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close()
}

/**
 * What the instances have in common. The secret is new in each run: instances seal with it what they store
 * in Redis.
 *
 * @param {string} redisUrl
 * @param {Record<string, string>} [localOrg]
 */
function environmentOf(redisUrl, localOrg) {
  return {
    ...process.env,
    REDIS_URL: redisUrl,
    SESSION_SECRET: randomBytes(32).toString('base64url'),
    ...localOrg,
  }
}

/**
 * @param {string} name
 * @param {NodeJS.ProcessEnv} env
 * @returns {Running}
 */
function startInstance(name, env) {
  const child = fork(program, { env: { ...env, INSTANCE_NAME: name } })
  child.on('error', () => {}) // Its exit is reported; a message to an instance that has ended is lost.
  return { name, child }
}

/** Waits until the instance has sent its URL. @param {Running} instance */
async function listening(instance) {
  const { name, child } = instance
  const ended = once(child, 'exit').then(() => {
    throw new Error(`${name} did not start.`)
  })
  ended.catch(() => {}) // A later exit is reported by reportEnd().
  const [message] = await Promise.race([once(child, 'message'), ended])
  instance.url = message.url
}

/**
 * @param {Running} instance
 * @param {readonly Running[]} running
 * @param {() => boolean} isStopping
 * @param {() => Promise<void>} stop
 */
function reportEnd({ name, child }, running, isStopping, stop) {
  child.once('exit', (code, signal) => {
    if (isStopping()) return
    const others = running.filter((other) => isRunning(other.child))
    const rest = others.length === 0 ? 'None is left.' : `Still running: ${namesOf(others)}.`
    console.error(
      `${name} (process ${child.pid}) has ended (${signal ?? `status ${code}`}). ${rest}`,
    )
    tellOthers(others)
    if (others.length > 0) return
    process.exitCode = 1
    void stop()
  })
}

/** @param {readonly Running[]} running */
function namesOf(running) {
  return running.map(({ name }) => name).join(', ')
}

/**
 * Registers one instance for the org's pushes: Redis carries them to the others. When it ends, another takes its
 * place. At Okta the URL would be that of the load balancer.
 *
 * @param {readonly Running[]} running
 * @param {import('express-okta-session/local-org').LocalOrg} org
 * @param {import('./pushes.js').PushSettings} settings
 * @param {() => boolean} isStopping
 */
async function pushTo(running, org, settings, isStopping) {
  const [receiver, ...others] = running.filter(({ child }) => isRunning(child))
  if (receiver?.url === undefined) return
  const { child, url } = receiver
  child.once('exit', () => {
    if (isStopping()) return
    unregisterPushes(org, url)
    pushTo(others, org, settings, isStopping).catch((error) => console.error(inOneLine(error)))
  })
  await registerPushes(org, url, settings)
}

/** Sends every instance the list for its links. @param {readonly Running[]} running */
function tellOthers(running) {
  const instances = running.map(({ name, url }) => ({ name, url }))
  for (const { child } of running) if (child.connected) child.send({ instances })
}

/** @param {import('node:child_process').ChildProcess} child */
async function end(child) {
  if (!isRunning(child)) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const limit = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS)
  await exited
  clearTimeout(limit)
}

/** @param {import('node:child_process').ChildProcess} child */
function isRunning(child) {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null
}
