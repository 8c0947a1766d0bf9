/** Draws the panels of a dashboard as line charts, for a picture in the documents: Grafana is no part of the tests. */

export interface Series {
  readonly name: string
  /** Epoch seconds, and the value then. */
  readonly points: readonly (readonly [at: number, value: number])[]
}

export interface DrawnPanel {
  readonly title: string
  readonly series: readonly Series[]
}

const WIDTH = 360
const HEIGHT = 110
const COLOURS = ['#1a56c4', '#b25e00', '#14652f', '#a3161b', '#6b3fa0', '#007a87']

export function drawPanels(panels: readonly DrawnPanel[]): string {
  return `<!doctype html><html lang="en"><title>The dashboard</title><style>
body { margin: 12px; font: 13px system-ui, sans-serif; background: #f4f5f7; color: #1d232b }
main { display: grid; grid-template-columns: repeat(3, 1fr); gap: 10px }
section { background: #fff; border: 1px solid #c9cfd6; border-radius: 6px; padding: 8px 10px }
h2 { margin: 0 0 4px; font-size: 13px } svg { width: 100%; height: auto; display: block }
ul { list-style: none; margin: 4px 0 0; padding: 0; display: flex; flex-wrap: wrap; gap: 0 10px; font-size: 11px }
text { font-size: 10px; fill: #56606d } path { fill: none; stroke-width: 1.6 } line { stroke: #c9cfd6 }
</style><main>${panels.map(draw).join('')}</main></html>`
}

function draw({ title, series }: DrawnPanel): string {
  const points = series.flatMap((each) => each.points).filter(([, value]) => Number.isFinite(value))
  const times = points.map(([at]) => at)
  const [from, to] = [Math.min(...times), Math.max(...times)]
  const most = Math.max(...points.map(([, value]) => value)) || 1
  const x = (at: number) => 44 + ((at - from) / Math.max(1, to - from)) * (WIDTH - 50)
  const y = (value: number) => 6 + (1 - value / most) * (HEIGHT - 24)
  const lines = series.map(({ points: line }, index) => {
    const steps = line.filter(([, value]) => Number.isFinite(value))
    const path = steps.map(
      ([at, value], step) => `${step === 0 ? 'M' : 'L'}${x(at).toFixed(1)} ${y(value).toFixed(1)}`,
    )
    return `<path d="${path.join('')}" stroke="${COLOURS[index % COLOURS.length]}"/>`
  })
  const legend = series.map(
    ({ name }, index) =>
      `<li style="color:${COLOURS[index % COLOURS.length]}">■ ${escapeText(name)}</li>`,
  )
  return `<section><h2>${escapeText(title)}</h2><svg viewBox="0 0 ${WIDTH} ${HEIGHT}">
<line x1="44" x2="${WIDTH}" y1="${y(0)}" y2="${y(0)}"/><line x1="44" x2="${WIDTH}" y1="6" y2="6" stroke-dasharray="2 3"/>
<text x="40" y="10" text-anchor="end">${short(most)}</text><text x="40" y="${y(0)}" text-anchor="end">0</text>
<text x="44" y="${HEIGHT - 2}">0 s</text><text x="${WIDTH}" y="${HEIGHT - 2}" text-anchor="end">${Math.round(to - from)} s</text>
${lines.join('')}</svg><ul>${legend.join('')}</ul></section>`
}

function short(value: number): string {
  return value >= 1_000 ? `${(value / 1_000).toFixed(0)}k` : String(Number(value.toPrecision(2)))
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
