/** What kills have cost the streams: requests, texts, and the longest gap between tokens. */
import { median, quantile } from '../src/base/statistics.js'
import type { SteadyLoad } from './fleet-load.js'
import { judge, type Row, type Section } from './report.js'
import { gapsBetween, type TimedStream, type TimeSpan } from './token-stream.js'

export type KillRun = {
  readonly times: readonly number[]
  readonly load: SteadyLoad
  /** The same requests while nothing was killed, all at once and one after another. */
  readonly undisturbed: readonly TimedStream[]
  readonly alone: readonly TimedStream[]
  readonly quiet: TimeSpan
  /** What the head's engine occupies more after the kills. */
  readonly grownMb: number
}

/** After a kill, gaps that begin so soon are put down to it. */
export const SPAN_MS = 2000
const STALL_MS_MAX = 1000
const P99 = 0.99

export function killSections(run: KillRun): Section[] {
  return [requestsOf(run), stallsOf(run)]
}

function requestsOf({ times, load, undisturbed, alone, grownMb }: KillRun): Section {
  const { streams } = load
  const failed = streams.filter(({ error }) => error !== undefined)
  const differing = streams.filter(({ tokens, error }, at) => {
    const reference = undisturbed[at % undisturbed.length]?.tokens ?? []
    return error === undefined && !isSame(tokens, reference)
  })
  const unstable = undisturbed.filter(({ tokens }, at) => {
    return !isSame(tokens, alone[at % alone.length]?.tokens ?? [])
  })
  const tokens = streams.reduce((sum, stream) => sum + stream.tokens.length, 0)
  const row = (what: string, count: number, most?: number) => ({
    what,
    count,
    ...judge(count, most === undefined ? undefined : { atMost: most }),
  })
  return {
    title: `kill: ${times.length} times kill -9 of a random domain`,
    rows: [
      row('requests', streams.length),
      row('tokens', tokens),
      row('failed requests', failed.length, 0),
      row('texts unlike the undisturbed ones', differing.length, 0),
      row('undisturbed texts that hang on the number of streams', unstable.length, 0),
      row('MB the engine has grown by', grownMb),
      ...[...new Set(failed.map(({ error }) => error ?? ''))].map((error) => row(error, 1)),
    ],
  }
}

function stallsOf({ times, load, undisturbed, quiet }: KillRun): Section {
  const quietMs = median(longestGaps(undisturbed, spansOf(quiet)))
  const kills = times.map((fromMs) => ({ fromMs, toMs: fromMs + SPAN_MS }))
  const gaps = longestGaps(load.streams, kills)
  const added = gaps.map((ms) => Math.max(0, ms - quietMs))
  const row = (subject: string, of: (values: readonly number[]) => number): Row => ({
    subject,
    'ms longest gap': of(gaps),
    'ms added': of(added),
  })
  const p99 = (values: readonly number[]): number => quantile(values, P99)
  const span = SPAN_MS / 1000
  return {
    title:
      `kill: longest gap between tokens of a stream within ${span} s of a kill, less what it is ` +
      `within ${span} s without one (${quietMs.toFixed(1)} ms); ${gaps.length} gaps`,
    rows: [
      row('median', median),
      { ...row('99th percentile', p99), ...judge(p99(added), { atMost: STALL_MS_MAX }) },
      row('longest', (values) => Math.max(...values)),
    ],
  }
}

/** Of each stream in each span that it meets. */
function longestGaps(streams: readonly TimedStream[], spans: readonly TimeSpan[]): number[] {
  return spans.flatMap((span) =>
    streams.flatMap((stream) => {
      const gaps = gapsBetween(stream, span)
      return gaps.length === 0 ? [] : [Math.max(...gaps)]
    }),
  )
}

/** As long as what is looked at after a kill. */
function spansOf({ fromMs, toMs }: TimeSpan): TimeSpan[] {
  const count = Math.max(1, Math.floor((toMs - fromMs) / SPAN_MS))
  return Array.from({ length: count }, (_, at) => {
    const start = fromMs + at * SPAN_MS
    return { fromMs: start, toMs: Math.min(toMs, start + SPAN_MS) }
  })
}

function isSame(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((token, at) => token === b[at])
}
