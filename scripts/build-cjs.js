/**
 * Builds dist/cjs: the package for require(). Packages that are ES modules alone are bundled in; those that
 * require() can load stay imports. Beside it lie the types, once more, since a package.json of their own makes
 * TypeScript read them as those of CommonJS modules.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = join(root, 'dist')
const out = join(dist, 'cjs')
const entries = ['index', 'redis/index', 'local-org/index', 'opentelemetry/index']

await rm(out, { recursive: true, force: true })
await copyTypes()
const { metafile } = await build({
  entryPoints: entries.map((entry) => join(dist, `${entry}.js`)),
  outbase: dist,
  outdir: out,
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20.19',
  external: ['cookie', 'debug', 'lru-cache', 'express', 'cookie-parser', '@opentelemetry/api'],
  legalComments: 'none',
  keepNames: true,
  metafile: true,
  logLevel: 'warning',
  // express-request.js declares types alone.
  logOverride: { 'ignored-bare-import': 'silent' },
})
await writeFile(join(out, 'package.json'), `${JSON.stringify({ type: 'commonjs' })}\n`)
await writeFile(join(out, 'LICENSES.txt'), await licensesOf(metafile))

async function copyTypes() {
  const files = await readdir(dist, { recursive: true })
  for (const file of files.filter((name) => name.endsWith('.d.ts') && !name.startsWith('cjs'))) {
    const code = await readFile(join(dist, file), 'utf8')
    await mkdir(dirname(join(out, file)), { recursive: true })
    await writeFile(join(out, file), code.replace(/^\/\/# sourceMappingURL=.*$/m, ''))
  }
}

/**
 * The licences of the packages that are bundled in.
 * @param {import('esbuild').Metafile} metafile
 */
async function licensesOf({ inputs }) {
  const folders = new Set()
  for (const input of Object.keys(inputs)) {
    const [folder] =
      /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(relative(root, join(process.cwd(), input))) ?? []
    if (folder !== undefined) folders.add(folder)
  }
  const texts = await Promise.all([...folders].toSorted().map(licenseOf))
  return `dist/cjs contains code of these packages.\n\n${texts.join('\n')}`
}

/** @param {string} folder */
async function licenseOf(folder) {
  const { name, version, license } = JSON.parse(
    await readFile(join(root, folder, 'package.json'), 'utf8'),
  )
  const file = (await readdir(join(root, folder))).find((each) => /^licen[cs]e/i.test(each))
  const text = file === undefined ? '' : await readFile(join(root, folder, file), 'utf8')
  return `${name} ${version} (${license})\n\n${text.trim()}\n`
}
