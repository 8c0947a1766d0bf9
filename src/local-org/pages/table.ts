/** Tables that become lists of labelled values in a narrow window. */
import { html, type Markup } from './page.js'

export interface Column {
  readonly name: string
  readonly isNumber?: boolean
}

export interface Table {
  readonly caption: Markup | string
  readonly columns: readonly Column[]
  /** The cells of each row, in the order of the columns. */
  readonly rows: readonly (readonly (Markup | string | number)[])[]
  /** What stands in place of rows. */
  readonly none: string
}

/** The roles keep it a table for screen readers where the style sheet makes blocks of its parts. */
export function table({ caption, columns, rows, none }: Table): Markup {
  const head = columns.map(
    ({ name, isNumber }) =>
      html`<th scope="col" role="columnheader"${isNumber === true && html` class="number"`}>${name}</th>`,
  )
  const body = rows.map(
    (cells) =>
      html`<tr role="row">${cells.map((cell, index) => dataCell(cell, columns[index]))}</tr>`,
  )
  return html`<table role="table"><caption>${caption}</caption>
<thead role="rowgroup"><tr role="row">${head}</tr></thead>
<tbody role="rowgroup">${body.length > 0 ? body : html`<tr role="row"><td role="cell" colspan="${columns.length}" class="muted">${none}</td></tr>`}</tbody></table>`
}

function dataCell(cell: Markup | string | number, column: Column | undefined): Markup {
  const number = column?.isNumber === true && html` class="number"`
  return html`<td role="cell" data-label="${column?.name ?? ''}"${number}>${cell}</td>`
}
