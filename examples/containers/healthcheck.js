/**
 * The health check of the image, which has no curl: ends with 0 if a URL answers 2xx in time. The URL is the first
 * argument, or else the health of the app in this container.
 */
import { HEALTH_PATH } from './with-health.js'

const TIMEOUT_MS = 2_000
const { PORT = '3000' } = process.env
const url = process.argv[2] ?? `http://127.0.0.1:${PORT}${HEALTH_PATH}`

try {
  const answer = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) })
  await answer.body?.cancel()
  if (!answer.ok) fail(`${url} answers ${answer.status}`)
} catch (error) {
  fail(`${url}: ${error instanceof Error ? error.message : error}`)
}

/** @param {string} message */
function fail(message) {
  console.error(message)
  process.exitCode = 1
}
