/** Reads the secret that all instances share, from a file or from the environment. */
import { readFileSync } from 'node:fs'

/**
 * Orchestrators mount a secret as a file: an environment is shown by `docker inspect` and inherited by child
 * processes. Without either variable it returns undefined, which oktaSession() reports.
 *
 * @param {NodeJS.ProcessEnv} env
 * @returns {string | undefined}
 */
export function readSecret({ SESSION_SECRET: secret, SESSION_SECRET_FILE: file }) {
  if (file === undefined || file === '') return secret || undefined
  if (secret) throw new TypeError('Set SESSION_SECRET or SESSION_SECRET_FILE, not both.')
  return readFileSync(file, 'utf8').trim()
}
