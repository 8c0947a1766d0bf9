/**
 * Makes the packages that the example app imports dependencies of package.json, in the image only: in this
 * repository they are development dependencies, which `npm prune --omit=dev` would remove. An app of your own has
 * them among its dependencies and needs no such step.
 */
import { readFileSync, writeFileSync } from 'node:fs'

const PACKAGES = ['cookie-parser', 'express', 'helmet', 'redis']

const manifest = JSON.parse(readFileSync('package.json', 'utf8'))
for (const name of PACKAGES) {
  const range = manifest.devDependencies[name]
  if (range === undefined) throw new Error(`package.json has no development dependency ${name}.`)
  manifest.dependencies[name] = range
  delete manifest.devDependencies[name]
}
writeFileSync('package.json', `${JSON.stringify(manifest, null, 2)}\n`)
