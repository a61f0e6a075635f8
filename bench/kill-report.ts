/** What kills have cost the streams: requests, texts, and the longest gap between tokens. */
import { median, quantile } from '../src/base/statistics.js'
import type { SteadyLoad } from './fleet-load.js'
import { judge, type Section } from './report.js'
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
  const unstable = alone.filter(({ tokens }, at) => !isSame(tokens, undisturbed[at]?.tokens ?? []))
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
  const longest = (stream: TimedStream, span: TimeSpan): number[] => {
    const gaps = gapsBetween(stream, span)
    return gaps.length === 0 ? [] : [Math.max(...gaps)]
  }
  const quietMs = median(undisturbed.flatMap((stream) => longest(stream, quiet)))
  const stalls = times.flatMap((fromMs) =>
    load.streams.flatMap((stream) => longest(stream, { fromMs, toMs: fromMs + SPAN_MS })),
  )
  const added = stalls.map((ms) => Math.max(0, ms - quietMs))
  const p99 = quantile(added, P99)
  return {
    title: `kill: ms of the longest gap between tokens of a stream, less ${quietMs.toFixed(1)} quiet`,
    rows: [
      { subject: 'median', ms: median(added) },
      { subject: '99th percentile', ms: p99, ...judge(p99, { atMost: STALL_MS_MAX }) },
      { subject: 'longest', ms: Math.max(...added) },
      { subject: 'gaps', ms: added.length },
    ],
  }
}

function isSame(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((token, at) => token === b[at])
}
