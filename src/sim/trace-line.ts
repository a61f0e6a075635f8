/** Records as lines for other programs, CSV or JSON. Knows nothing of what they tell. */
import { SputnikError } from '../base/errors.js'

export type TraceForm = 'csv' | 'jsonl'

export type TraceRecord<Column extends string> = {
  readonly [column in Column]?: string | number | null | undefined
}

/**
 * By the end of a file's name.
 * @throws SputnikError USAGE
 */
export function traceFormOf(path: string): TraceForm {
  if (/\.csv$/i.test(path)) return 'csv'
  if (/\.(jsonl|ndjson)$/i.test(path)) return 'jsonl'
  throw new SputnikError('USAGE', `--trace ${path}: its name must end in .csv or .jsonl`)
}

/** A line without its end. JSON leaves out what is undefined. */
export function traceLine<Column extends string>(
  record: TraceRecord<Column>,
  { columns, form }: { readonly columns: readonly Column[]; readonly form: TraceForm },
): string {
  if (form === 'jsonl') return JSON.stringify(record)
  return columns.map((column) => cellOf(record[column])).join(',')
}

/** Names may have commas in them. */
function cellOf(value: string | number | null | undefined): string {
  const text = String(value ?? '')
  return text.includes(',') ? `"${text}"` : text
}
