/** What benchmarks hand back, and how it is printed. Knows nothing of what was measured. */
import { availableParallelism, cpus, loadavg, release } from 'node:os'
import type { Summary } from '../src/base/statistics.js'
import { formatTable } from '../src/base/table.js'

export type Row = Readonly<Record<string, string | number>>

/** One table; rows may lack columns. */
export type Section = { readonly title: string; readonly rows: readonly Row[] }

export type BenchmarkOptions = {
  readonly rounds: number
  /** Of domains, for the benchmark that kills them; undefined: its own number. */
  readonly kills?: number | undefined
  /** Says what is going on; never part of the result. */
  readonly say: (text: string) => void
}

export type Benchmark = {
  readonly name: string
  readonly about: string
  /** It takes minutes, and runs only when it is named. */
  readonly isLong?: boolean
  readonly run: (options: BenchmarkOptions) => Promise<readonly Section[]>
}

/** A bound that a figure has to keep. */
export type Target = { readonly atLeast: number } | { readonly atMost: number }

/** Columns `target` and `met` for a figure. */
export function judge(value: number, target: Target | undefined): Row {
  if (target === undefined) return {}
  const isMet = 'atLeast' in target ? value >= target.atLeast : value <= target.atMost
  const text = 'atLeast' in target ? `>= ${target.atLeast}` : `<= ${target.atMost}`
  return { target: text, met: isMet ? 'yes' : 'NO' }
}

/** A row per subject; `targets` are of the ratios, by subject. */
export function summaryRows(
  summaries: readonly Summary[],
  { unit, targets = {} }: { unit: string; targets?: Readonly<Record<string, Target>> },
): Row[] {
  return summaries.map(({ name, median, low, ratio }) => ({
    subject: name,
    [`${unit} median`]: median,
    '20th pct': low,
    'ratio to first': ratio,
    ...judge(ratio, targets[name]),
  }))
}

export type Environment = {
  readonly date: string
  readonly cpu: string
  readonly cores: number
  readonly node: string
  readonly system: string
  /** Of the last minute, before the start. */
  readonly loadAverage: number
  readonly isBusy: boolean
}

export function describeEnvironment(): Environment {
  const cores = availableParallelism()
  const loadAverage = loadavg()[0] ?? 0
  return {
    date: new Date().toISOString(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores,
    node: process.version,
    system: `${process.platform} ${release()}`,
    loadAverage,
    isBusy: loadAverage > cores / 2,
  }
}

export function formatEnvironment(environment: Environment): string {
  const { date, cpu, cores, node, system, loadAverage, isBusy } = environment
  const line = `${date}  ${cpu} x ${cores}  ${system}  node ${node}  load ${loadAverage.toFixed(2)}`
  return isBusy ? `${line}\nWARNING: the machine is busy; these figures mean little` : line
}

export function formatSection({ title, rows }: Section): string {
  const titles = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const cells = rows.map((row) => titles.map((name) => formatCell(row[name])))
  return [`## ${title}`, ...formatTable(titles, cells)].join('\n')
}

const DIGITS = 4

function formatCell(cell: string | number | undefined): string {
  if (cell === undefined) return ''
  if (typeof cell === 'string' || Number.isInteger(cell)) return String(cell)
  const size = Math.abs(cell)
  return size !== 0 && (size < 1e-3 || size >= 1e6)
    ? cell.toExponential(2)
    : String(Number(cell.toPrecision(DIGITS)))
}
