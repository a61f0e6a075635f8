/** From the command to ready, less the time to read the file once. */
import { closeSync, openSync, readSync } from 'node:fs'
import { type Series, summarise } from '../src/base/statistics.js'
import { referenceModel } from './reference-model.js'
import { type Benchmark, type BenchmarkOptions, judge, type Section } from './report.js'
import { serveModel } from './served.js'
import { now, takeTurns } from './support.js'

const CHUNK_BYTES = 1 << 20
const CARDS = [0, 2]
const SECONDS_MAX = 3
/** More rounds would take minutes and tell nothing new. */
const ROUNDS_MAX = 10

export const start: Benchmark = {
  name: 'start',
  about: 'from the command to ready',
  run: async (options) => [await measure(options)],
}

async function measure({ rounds }: BenchmarkOptions): Promise<Section> {
  const path = referenceModel()
  const contenders = CARDS.map((cards) => ({
    name: `--cards ${cards}`,
    run: () => startSeconds(path, cards),
  }))
  const reading = { name: 'reading the file', run: () => readSeconds(path) }
  const [read, ...starts] = await takeTurns([reading, ...contenders], Math.min(rounds, ROUNDS_MAX))
  const readValues = read?.values ?? []
  return {
    title: 'start: seconds from the command to ready, less reading the file once',
    rows: [
      ...summarise([{ name: 'reading the file', values: readValues }]).map(plainRow),
      ...summarise(starts.map((series) => less(series, readValues))).map((summary) => ({
        ...plainRow(summary),
        ...judge(summary.median, { atMost: SECONDS_MAX }),
      })),
    ],
  }
}

function plainRow(summary: { name: string; median: number; low: number }) {
  const { name, median, low } = summary
  return { subject: name, 's median': median, '20th pct': low }
}

function less({ name, values }: Series, others: readonly number[]): Series {
  return { name, values: values.map((value, round) => value - (others[round] ?? 0)) }
}

async function startSeconds(path: string, cards: number): Promise<number> {
  const served = await serveModel(path, ['--cards', String(cards)])
  await served.stop()
  return served.startSeconds
}

/** As `cat` would, from the page cache after the first round. */
function readSeconds(path: string): number {
  const buffer = Buffer.alloc(CHUNK_BYTES)
  const file = openSync(path, 'r')
  const started = now()
  while (readSync(file, buffer) > 0);
  const seconds = (now() - started) / 1000
  closeSync(file)
  return seconds
}
