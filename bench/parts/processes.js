/** Runs parts of a benchmark in child processes, and calls their functions over the channel between them. */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** @typedef {Record<string, (...args: any[]) => unknown>} Functions */

/** Milliseconds of a clock that all processes of a machine share. */
export const now = () => Number(process.hrtime.bigint()) / 1e6

/**
 * A child process that serves functions.
 * @typedef {object} Served
 * @property {(name: string, ...args: unknown[]) => Promise<any>} call
 * @property {() => Promise<void>} stop
 */

/**
 * Starts a module of this folder and resolves when it serves its functions.
 * @param {string} file
 * @param {readonly string[]} args
 * @returns {Promise<Served>}
 */
export async function startProcess(file, args = []) {
  const path = fileURLToPath(new URL(file, import.meta.url))
  const child = fork(path, args, { execArgv: [] })
  /** @type {Map<number, { resolve: (value: unknown) => void, reject: (error: Error) => void }>} */
  const pending = new Map()
  const exited = new Promise((resolve) => child.once('exit', () => resolve(undefined)))
  const ready = new Promise((resolve, reject) => {
    child.on('message', (message) => {
      const reply = /** @type {{ id: number, value?: unknown, error?: string }} */ (message)
      if (reply.id === 0) resolve(undefined)
      else if (reply.error === undefined) pending.get(reply.id)?.resolve(reply.value)
      else pending.get(reply.id)?.reject(new Error(`${file}: ${reply.error}`))
      pending.delete(reply.id)
    })
    child.once('exit', (code) => {
      const error = new Error(`${file} ended with ${code}`)
      reject(error)
      for (const call of pending.values()) call.reject(error)
    })
  })
  await ready
  let lastId = 0
  return {
    call(name, ...given) {
      lastId += 1
      const id = lastId
      return new Promise((resolve, reject) => {
        pending.set(id, { resolve, reject })
        child.send({ id, name, args: given })
      })
    },
    async stop() {
      if (child.connected) child.disconnect()
      await exited
    },
  }
}

/**
 * Serves functions to the parent process until it disconnects; then `end` releases what keeps this process alive.
 * @param {Functions} functions
 * @param {() => unknown} end
 */
export function serve(functions, end) {
  process.on('message', async (message) => {
    const { id, name, args } = /** @type {{ id: number, name: string, args: unknown[] }} */ (
      message
    )
    try {
      process.send?.({ id, value: await functions[name]?.(...args) })
    } catch (error) {
      process.send?.({ id, error: String(error) })
    }
  })
  process.once('disconnect', async () => {
    await end()
    process.exit()
  })
  process.send?.({ id: 0 })
}
