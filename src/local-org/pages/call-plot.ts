/** A bar chart of the calls in each second, as an SVG drawn on the server. */
import { html, type Markup } from './page.js'

const BAR = 8
const HEIGHT = 96
const LEFT = 40
const BOTTOM = 18
const TOP = 8

/** `perSecond` ends with the current second. */
export function callPlot(perSecond: readonly number[]): Markup {
  const most = Math.max(0, ...perSecond)
  const top = Math.max(most, 1)
  const width = LEFT + perSecond.length * BAR + 4
  const total = perSecond.reduce((sum, count) => sum + count, 0)
  const seconds = perSecond.length
  const bars = perSecond.map((count, index) => bar(count, index, top))
  const base = TOP + HEIGHT
  return html`<svg class="plot" viewBox="0 0 ${width} ${base + BOTTOM}" role="img"
  aria-label="Calls a second over the last ${seconds} seconds: ${total} in all, ${most} in the busiest second.">
<line class="grid" x1="${LEFT}" y1="${TOP}" x2="${width}" y2="${TOP}"/>
<line class="axis" x1="${LEFT}" y1="${base}" x2="${width}" y2="${base}"/>
<text x="${LEFT - 6}" y="${TOP + 4}" text-anchor="end">${top}</text>
<text x="${LEFT - 6}" y="${base + 4}" text-anchor="end">0</text>
${bars}
<text x="${LEFT}" y="${base + 14}">${seconds} s ago</text>
<text x="${width}" y="${base + 14}" text-anchor="end">now</text>
</svg>`
}

function bar(count: number, index: number, top: number): Markup {
  if (count === 0) return html``
  const height = Math.max(1, Math.round((count / top) * HEIGHT))
  const x = LEFT + index * BAR
  return html`<rect class="bar" x="${x}" y="${TOP + HEIGHT - height}" width="${BAR - 2}" height="${height}"/>`
}
