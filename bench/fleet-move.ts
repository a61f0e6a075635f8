/** Gaps between the tokens of many streams while a tenth of all pages moves, and while none does. */
import { median, quantile } from '../src/base/statistics.js'
import { mapPages } from '../src/gguf/pages.js'
import { openGguf } from '../src/gguf/reader.js'
import { FleetHead, pageCount } from './fleet-head.js'
import { SteadyLoad } from './fleet-load.js'
import { waitUntil } from './processes.js'
import { referenceModel } from './reference-model.js'
import { type BenchmarkOptions, judge, type Row, type Section } from './report.js'
import { now } from './support.js'
import type { TimeSpan } from './token-stream.js'

const STREAMS = 8
const SMALL = 'small'
const SHARE = 0.1
const RATIO_MAX = 1.2
/** A single move has too few gaps for a percentile. */
const MOVES_PER_ROUND = 2
const P99 = 0.99
const POLL_MS = 100
const WARM_TOKENS = 50 * STREAMS
const HEAD = ['--cards', '0', '--threads', '1', '--card-threads', '1', '--ctx', '1024']

/** Milliseconds between tokens, of all streams. */
type Round = { readonly quiet: readonly number[]; readonly moving: readonly number[] }
type Moves = { readonly rounds: readonly Round[]; readonly pages: number; readonly seconds: number }

export async function moving({ rounds }: BenchmarkOptions): Promise<Section> {
  const modelPath = referenceModel()
  const bytes = Math.ceil(SHARE * mapPages(openGguf(modelPath)).expertBytes)
  const head = await FleetHead.start(modelPath, [...HEAD, '--parallel', String(STREAMS)])
  try {
    head.join('large')
    head.join(SMALL, { options: ['--memory', `${bytes}`] })
    await head.settled({ domains: 2 })
    return toSection(await moveOften(head, MOVES_PER_ROUND * rounds), modelPath)
  } finally {
    await head.stop()
  }
}

type Spans = {
  readonly quiet: TimeSpan
  readonly moving: TimeSpan
  /** How many have moved. */
  readonly pages: number
}

async function moveOften(head: FleetHead, count: number): Promise<Moves> {
  const { port, modelPath } = head
  const load = new SteadyLoad({ port, modelPath, streams: STREAMS, prompt: 16, maxTokens: 960 })
  const all: Spans[] = []
  try {
    await load.pass(WARM_TOKENS)
    for (let round = 0; round < count; round++) all.push(await moveOnce(head, round % 2 === 0))
    // The last gaps are known when they end.
    await load.pass(2 * STREAMS)
  } finally {
    void load.stop()
  }
  return {
    rounds: all.map(({ quiet, moving }) => ({
      quiet: load.gaps(quiet),
      moving: load.gaps(moving),
    })),
    pages: median(all.map(({ pages }) => pages)),
    seconds: median(all.map(({ moving }) => (moving.toMs - moving.fromMs) / 1000)),
  }
}

/** The small domain gives its pages away, or takes them back; then nothing moves for as long. */
async function moveOnce(head: FleetHead, isDrained: boolean): Promise<Spans> {
  const before = await pagesOf(head, SMALL)
  const startedMs = now()
  await head.change(isDrained ? 'drain' : 'pardon', SMALL)
  const looking = { what: 'the pages have moved', pollMs: POLL_MS }
  await waitUntil(() => isMoved(head, isDrained), looking)
  const movedMs = now()
  const pages = Math.abs((await pagesOf(head, SMALL)) - before)
  // To look takes time of the same two cores, so it is looked as often while nothing moves.
  const quietMs = now()
  const isOver = async (): Promise<boolean> =>
    (await isMoved(head, isDrained)) && now() - quietMs >= movedMs - startedMs
  await waitUntil(isOver, looking)
  return {
    pages,
    moving: { fromMs: startedMs, toMs: movedMs },
    quiet: { fromMs: quietMs, toMs: now() },
  }
}

async function pagesOf(head: FleetHead, node: string): Promise<number> {
  return (await head.fleet()).domains.find(({ name }) => name === node)?.pages ?? 0
}

async function isMoved(head: FleetHead, isDrained: boolean): Promise<boolean> {
  const { moving, toMove, domains } = await head.fleet()
  const pages = domains.find(({ name }) => name === SMALL)?.pages ?? 0
  return moving === 0 && toMove === 0 && (isDrained ? pages === 0 : pages > 0)
}

function toSection({ rounds, pages, seconds }: Moves, modelPath: string): Section {
  const row = (subject: string, gaps: readonly number[]): Row => ({
    subject,
    'ms median': median(gaps),
    'ms p99': quantile(gaps, P99),
    'ms longest': Math.max(...gaps),
    gaps: gaps.length,
  })
  const quiet = rounds.flatMap((round) => round.quiet)
  const moving = rounds.flatMap((round) => round.moving)
  const ratio = quantile(moving, P99) / quantile(quiet, P99)
  const ratios = rounds.map((round) => quantile(round.moving, P99) / quantile(round.quiet, P99))
  return {
    title:
      `fleet: ms between tokens of ${STREAMS} streams while ${pages} of ${pageCount(modelPath)} ` +
      `pages move in ${seconds.toFixed(1)} s, and while none does; ${rounds.length} moves`,
    rows: [
      row('quiet', quiet),
      row('moving', moving),
      { subject: 'p99 moving / quiet', ratio, ...judge(ratio, { atMost: RATIO_MAX }) },
      { subject: 'the same, median of moves', ratio: median(ratios) },
    ],
  }
}
