/** From `sputnik join` to the first expert computed there, with the model on its disk. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Series, summarise } from '../src/base/statistics.js'
import { FleetHead } from './fleet-head.js'
import { SteadyLoad } from './fleet-load.js'
import { waitUntil } from './processes.js'
import { referenceModel } from './reference-model.js'
import { type BenchmarkOptions, judge, type Section } from './report.js'
import { now } from './support.js'

const SECONDS_MAX = 5
const ROUNDS_MAX = 7
const HEAD = ['--cards', '0', '--threads', '1', '--card-threads', '1', '--ctx', '1024']

type Cache = 'hashes kept' | 'hashes not kept'

export async function joinTimes({ rounds }: BenchmarkOptions): Promise<Section> {
  const modelPath = referenceModel()
  const head = await FleetHead.start(modelPath, HEAD)
  const { port } = head
  const load = new SteadyLoad({ port, modelPath, streams: 1, prompt: 8, maxTokens: 512 })
  const series: Series[] = []
  try {
    for (const cache of ['hashes kept', 'hashes not kept'] as const) {
      const values: number[] = []
      for (let round = 0; round <= Math.min(rounds, ROUNDS_MAX); round++) {
        const seconds = await joinOnce(head, { cache, round })
        if (round > 0) values.push(seconds)
      }
      series.push({ name: cache, values })
    }
  } finally {
    await head.stop()
    await load.stop()
  }
  return {
    title:
      'fleet: seconds from `sputnik join` to the first expert computed there, model on its disk',
    rows: summarise(series).map(({ name, median, low }) => ({
      subject: `${name} by an earlier join`,
      's median': median,
      '20th pct': low,
      worst: Math.max(...(series.find((one) => one.name === name)?.values ?? [])),
      ...judge(median, { atMost: SECONDS_MAX }),
    })),
  }
}

/** A new node each time, which takes all pages and goes away with them. */
async function joinOnce(
  head: FleetHead,
  { cache, round }: { cache: Cache; round: number },
): Promise<number> {
  const name = `${cache.replaceAll(' ', '-')}-${round}`
  const folder = mkdtempSync(join(tmpdir(), 'sputnik-bench-'))
  const started = now()
  const node = head.join(name, { env: cache === 'hashes kept' ? {} : { XDG_CACHE_HOME: folder } })
  try {
    await waitUntil(async () => (await callsOf(head, name)) > 0, { what: `${name} computes` })
    return (now() - started) / 1000
  } finally {
    await node.stop()
    rmSync(folder, { recursive: true, force: true })
    await waitUntil(async () => (await callsOf(head, name)) === 0, { what: `${name} is gone` })
  }
}

async function callsOf(head: FleetHead, node: string): Promise<number> {
  const { domains } = await head.fleet()
  return domains.find(({ name }) => name === node)?.expertCalls ?? 0
}
