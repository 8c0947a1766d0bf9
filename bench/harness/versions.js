/** The measured versions: of Node, of this package, and of the packages it is compared with. */
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const MEASURED = [
  'express',
  'express4',
  'cookie-parser',
  'express-session',
  'jose',
  'got',
  'lru-cache',
  'redis',
  'ioredis',
]

/** @returns {Record<string, string>} */
export function versions() {
  const require = createRequire(import.meta.url)
  /** @param {string} path */
  const versionIn = (path) => String(require(path).version)
  const own = fileURLToPath(new URL('../../package.json', import.meta.url))
  const others = MEASURED.map((name) => [
    name,
    versionIn(fileURLToPath(new URL(`../../node_modules/${name}/package.json`, import.meta.url))),
  ])
  return {
    node: process.versions.node,
    'express-okta-session': versionIn(own),
    ...Object.fromEntries(others),
  }
}
