/**
 * Requests as somebody recorded them: CSV with a line of titles, or a JSON object on each line.
 * Also the titles of the Azure LLM inference traces (github.com/Azure/AzurePublicDataset), whose
 * arrivals are dates. Knows nothing of files.
 */
import { SputnikError } from '../../base/errors.js'
import { MS_PER_SECOND } from '../../base/units.js'
import { TOKENS_MAX } from '../../plan/workload.js'
import type { Request } from './requests.js'

const TITLES = {
  arrivalS: ['arrival_s', 'timestamp'],
  promptTokens: ['prompt_tokens', 'contexttokens'],
  outputTokens: ['output_tokens', 'generatedtokens'],
} as const satisfies Record<keyof Request, readonly string[]>

const REQUESTS_MAX = 10_000_000

type Row = { readonly line: number; readonly cells: Readonly<Record<string, unknown>> }

/**
 * `source`: named in errors. Dates count from the first request on.
 * @throws SputnikError TRACE_INVALID naming line and field
 */
export function parseRequests(text: string, source: string): Request[] {
  const lines = text
    .split(/\r?\n/)
    .map((content, at) => ({ content: content.trim(), line: at + 1 }))
    .filter(({ content }) => content !== '')
  if (lines.length > REQUESTS_MAX) {
    throw invalid(source, lines.length, `a trace has at most ${REQUESTS_MAX} lines; cut it`)
  }
  const isJson = lines[0]?.content.startsWith('{') === true
  const requests = (isJson ? jsonRows(lines, source) : csvRows(lines, source)).map((row) =>
    parseRow(row, source),
  )
  if (requests.length === 0) throw invalid(source, 1, 'there is no request; give at least one')
  return checkOrder(requests, source).map(({ request }) => request)
}

type Line = { readonly content: string; readonly line: number }

function jsonRows(lines: readonly Line[], source: string): Row[] {
  return lines.map(({ content, line }) => {
    try {
      const value: unknown = JSON.parse(content)
      if (typeof value !== 'object' || value === null) throw new SyntaxError('no object')
      return { line, cells: lowered(Object.entries(value)) }
    } catch (error) {
      const text = 'it is no JSON object; write {"arrival_s": 0, "prompt_tokens": 1, ...}'
      throw invalid(source, line, text, error)
    }
  })
}

function csvRows([titles, ...lines]: readonly Line[], source: string): Row[] {
  const names = (titles?.content ?? '').split(',').map((title) => title.trim())
  for (const field of Object.keys(TITLES) as (keyof Request)[]) {
    const known: readonly string[] = TITLES[field]
    if (names.some((name) => known.includes(name.toLowerCase()))) continue
    const text = `there is no column ${known[0]}; the first line must name the columns`
    throw invalid(source, titles?.line ?? 1, text)
  }
  return lines.map(({ content, line }) => {
    const cells = content.split(',').map((cell) => cell.trim())
    return { line, cells: lowered(names.map((name, at) => [name, cells[at]])) }
  })
}

function lowered(entries: readonly (readonly [string, unknown])[]): Row['cells'] {
  return Object.fromEntries(entries.map(([name, value]) => [name.toLowerCase(), value]))
}

type Parsed = { readonly request: Request; readonly line: number }

function parseRow(row: Row, source: string): Parsed {
  const request = {
    arrivalS: parseArrival(row, source),
    promptTokens: parseTokens(row, 'promptTokens', source),
    outputTokens: parseTokens(row, 'outputTokens', source),
  }
  return { request, line: row.line }
}

function parseArrival(row: Row, source: string): number {
  const given = cellOf(row, 'arrivalS')
  const isDate = typeof given === 'string' && /^\d{4}-\d\d-\d\d/.test(given)
  const seconds = isDate ? Date.parse(given) / MS_PER_SECOND : numberOf(given)
  if (seconds >= 0) return seconds
  const text = `arrival_s is ${show(given)}; give seconds from the beginning, not below 0`
  throw invalid(source, row.line, text)
}

function parseTokens(row: Row, field: 'promptTokens' | 'outputTokens', source: string): number {
  const given = cellOf(row, field)
  const tokens = numberOf(given)
  if (Number.isInteger(tokens) && tokens >= 1 && tokens <= TOKENS_MAX) return tokens
  const [name] = TITLES[field]
  const text = `${name} is ${show(given)}; give a whole number from 1 to ${TOKENS_MAX}`
  throw invalid(source, row.line, text)
}

function cellOf({ cells }: Row, field: keyof Request): unknown {
  return TITLES[field].map((title) => cells[title]).find((cell) => cell !== undefined)
}

function numberOf(given: unknown): number {
  if (typeof given === 'number') return given
  return typeof given === 'string' && given !== '' ? Number(given) : Number.NaN
}

/** Arrivals from the first one on where they are dates; they must ascend. */
function checkOrder(requests: readonly Parsed[], source: string): Parsed[] {
  const firstS = requests[0]?.request.arrivalS ?? 0
  // A date is more seconds than any simulation has.
  const originS = firstS > DATES_FROM_S ? firstS : 0
  let lastS = originS
  return requests.map(({ request, line }) => {
    if (request.arrivalS < lastS) {
      const text = 'arrival_s is before that of the line above; sort the lines by it'
      throw invalid(source, line, text)
    }
    lastS = request.arrivalS
    return { line, request: { ...request, arrivalS: lastS - originS } }
  })
}

const DATES_FROM_S = 1e8

function show(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 40) ?? 'missing'
}

function invalid(source: string, line: number, text: string, cause?: unknown): SputnikError {
  return new SputnikError('TRACE_INVALID', `${source}, line ${line}: ${text}`, { line }, cause)
}
