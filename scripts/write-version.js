/** Writes the version of package.json into src/version.ts. npm runs it within `npm version`. */
import { readFileSync, writeFileSync } from 'node:fs'

const file = new URL('../src/version.ts', import.meta.url)
const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
const code = readFileSync(file, 'utf8')
const line = /^export const VERSION = '.*'$/m
if (!line.test(code))
  throw new Error('src/version.ts has no line that starts with: export const VERSION')
writeFileSync(file, code.replace(line, `export const VERSION = '${manifest.version}'`))
