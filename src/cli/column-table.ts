/** Tables whose least needed columns go when the terminal is too narrow. Pure. */
import { formatTable } from '../base/table.js'

export type Column<T> = {
  readonly title: string
  /** Columns with the highest go first; those with 0 stay. */
  readonly rank: number
  readonly cell: (row: T) => string
}

/** Lines with a title line first, as wide as the columns that stay. */
export function formatColumns<T>(
  columns: readonly Column<T>[],
  rows: readonly T[],
  width: number,
): string[] {
  const titles = columns.map(({ title }) => title)
  const lines = formatTable(
    titles,
    rows.map((row) => columns.map(({ cell }) => cell(row))),
  )
  const rank = Math.max(0, ...columns.map((column) => column.rank))
  if (rank === 0 || lines.every((line) => line.length <= width)) return lines
  const fewer = columns.filter((column) => column.rank < rank)
  return formatColumns(fewer, rows, width)
}
