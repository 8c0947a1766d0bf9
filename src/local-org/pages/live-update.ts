/** The script of the live console: it renews the parts of the page, and leaves alone what a person is filling in. */
import { createHash } from 'node:crypto'

const UPDATE_MS = 2_000

/** A section whose form was changed stays as it is until it is sent. The focus stays on its button. */
const SOURCE = `
const changed = new WeakSet()
addEventListener('input', ({ target }) => changed.add(target.closest('section')))
const isBusy = (part) => changed.has(part) || part.querySelector('input:focus, select:focus') !== null
async function update() {
  const answer = await fetch(location.href).catch(() => undefined)
  if (answer?.ok) {
    const next = new DOMParser().parseFromString(await answer.text(), 'text/html')
    const focused = document.activeElement?.getAttribute('aria-label')
    for (const part of document.querySelectorAll('main > #org, main section')) {
      if (isBusy(part)) continue
      const name = part.id || part.getAttribute('aria-labelledby')
      const found = next.getElementById(name)
      const renewed = part.id ? found : found?.closest('section')
      if (renewed) part.replaceWith(document.adoptNode(renewed))
    }
    if (focused) document.querySelector('button[aria-label="' + CSS.escape(focused) + '"]')?.focus()
  }
  setTimeout(update, ${UPDATE_MS})
}
setTimeout(update, ${UPDATE_MS})
`

export interface PageScript {
  readonly source: string
  /** Of its source, for the Content-Security-Policy. */
  readonly hash: string
}

export const LIVE_SCRIPT: PageScript = {
  source: SOURCE,
  hash: createHash('sha256').update(SOURCE).digest('base64'),
}
