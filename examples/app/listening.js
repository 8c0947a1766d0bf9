/** Listens on a port of this machine, and explains in one line why that fails. */
import { once } from 'node:events'

/**
 * Reads PORT.
 *
 * @param {string} port
 * @param {number} [highest]
 */
export function readPort(port, highest = 65_535) {
  if (!/^\d{1,5}$/.test(port) || Number(port) > highest)
    throw new RangeError(`PORT is a number from 0 to ${highest}, not "${port}".`)
  return Number(port)
}

/**
 * Listens on the loopback interface only, because the local org's passwords are public.
 *
 * @param {import('node:http').Server} server
 * @param {string} port
 */
export async function listen(server, port) {
  server.listen(readPort(port), '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('No port to listen on.')
  return `http://localhost:${address.port}`
}

/** @param {unknown} error */
export function inOneLine(error) {
  if (!(error instanceof Error)) return String(error)
  if ('code' in error && error.code === 'EADDRINUSE')
    return `Port ${process.env.PORT ?? 3000} is in use: stop what listens there, or choose another with PORT=3001 npm start.`
  if ('code' in error && error.code === 'EACCES')
    return `Port ${process.env.PORT} needs privileges: choose one from 1024 on, with PORT=3001 npm start.`
  return error.message
}
