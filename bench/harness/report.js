/** The report of a benchmark: numbers for programs, and a table for a terminal. */

/**
 * @typedef {object} Column
 * @property {string} key
 * @property {string} title
 * @property {number} [digits] Digits after the decimal point; default 0.
 * @property {boolean} [percent] Whether to show a share of 1 as a percentage.
 */

/**
 * @typedef {object} Report
 * @property {string} title The measured thing, in one line.
 * @property {readonly Column[]} columns
 * @property {readonly Readonly<Record<string, string | number | undefined>>[]} rows
 * @property {readonly string[]} [notes] Explanations of the rows and columns.
 */

/**
 * @param {Report} report
 * @returns {string}
 */
export function table({ title, columns, rows, notes = [] }) {
  const cells = [
    columns.map((column) => column.title),
    ...rows.map((row) => columns.map((column) => cell(row[column.key], column))),
  ]
  const widths = columns.map((_, i) => Math.max(...cells.map((line) => line[i]?.length ?? 0)))
  const lines = cells.map((line) =>
    line
      .map((text, i) => aligned(text, widths[i] ?? 0, i === 0))
      .join('  ')
      .trimEnd(),
  )
  lines.splice(1, 0, widths.map((width) => '-'.repeat(width)).join('  '))
  return [title, '', ...lines, ...notes.map((note) => `  ${note}`)].join('\n')
}

/**
 * @param {string | number | undefined} value
 * @param {Column} column
 */
function cell(value, { digits = 0, percent = false }) {
  if (value === undefined) return ''
  if (typeof value === 'string') return value
  return percent ? `${(value * 100).toFixed(digits)} %` : grouped(value.toFixed(digits))
}

/** @param {string} text */
function grouped(text) {
  return text.replace(/\B(?<!\.\d*)(?=(\d{3})+(?!\d))/g, ',')
}

/**
 * @param {string} text
 * @param {number} width
 * @param {boolean} left
 */
function aligned(text, width, left) {
  return left ? text.padEnd(width) : text.padStart(width)
}
