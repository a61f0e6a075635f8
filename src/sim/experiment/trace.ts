/** What happened in runs as lines for other programs: samples over time, then each flow. */
import { type TraceForm, type TraceRecord, traceLine } from '../trace-line.js'
import { nameOf, type Outcome } from './metrics.js'

const COLUMNS = [
  'run',
  'record',
  'time_s',
  'queue_bytes',
  'queued_bytes',
  'bytes_per_s',
  'delivered_bytes',
  'finished_flows',
  'drops',
  'trims',
  'marks',
  'source',
  'destination',
  'took_s',
] as const

type Line = TraceRecord<(typeof COLUMNS)[number]>

/** Lines without their ends; of a flow, `time_s` is when it began. */
export function* traceLines(outcomes: readonly Outcome[], form: TraceForm): Generator<string> {
  if (form === 'csv') yield COLUMNS.join(',')
  for (const outcome of outcomes) {
    for (const line of linesOf(outcome)) yield traceLine(line, { columns: COLUMNS, form })
  }
}

function* linesOf(outcome: Outcome): Generator<Line> {
  const { samples, completions } = outcome.result
  const run = nameOf(outcome)
  for (const [i, sample] of samples.entries()) {
    const before = samples[i - 1]
    const bytes = sample.deliveredBytes - (before?.deliveredBytes ?? 0)
    yield {
      run,
      record: 'sample',
      time_s: sample.timeS,
      queue_bytes: sample.queueBytes,
      queued_bytes: sample.queuedBytes,
      bytes_per_s: before === undefined ? 0 : bytes / (sample.timeS - before.timeS),
      delivered_bytes: sample.deliveredBytes,
      finished_flows: sample.finishedFlows,
      drops: sample.drops,
      trims: sample.trims,
      marks: sample.marks,
    }
  }
  for (const { source, destination, startS, tookS } of completions) {
    yield { run, record: 'flow', time_s: startS, source, destination, took_s: tookS }
  }
}
