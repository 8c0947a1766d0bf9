/**
 * Makes the README's links absolute, for the page of a package registry, or relative again:
 * node scripts/readme-links.js absolute|relative. `npm pack` and `npm publish` do both.
 */
import { readFile, writeFile } from 'node:fs/promises'

const file = new URL('../README.md', import.meta.url)
const { homepage } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'))
const repository = homepage.replace(/#.*$/, '')
const pages = `${repository}/blob/main/`
const images = `${repository}/raw/main/`

const readme = await readFile(file, 'utf8')
const [, , direction] = process.argv
if (direction === 'absolute') await writeFile(file, absolute(readme))
else if (direction === 'relative') await writeFile(file, relative(readme))
else throw new TypeError('readme-links: write absolute or relative')

/** @param {string} text */
function absolute(text) {
  return text.replace(/(!?)(\[[^\]]*\])\((?!https?:|#)([^)]+)\)/g, (_, image, label, target) => {
    return `${image}${label}(${image === '' ? pages : images}${target})`
  })
}

/** @param {string} text */
function relative(text) {
  return text.replaceAll(`](${pages}`, '](').replaceAll(`](${images}`, '](')
}
