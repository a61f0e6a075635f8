/** A domain is killed, or stopped, that alone holds its pages: how long no token comes. */
import { defined } from '../src/base/assert.js'
import { median } from '../src/base/statistics.js'
import { mapPages } from '../src/gguf/pages.js'
import { openGguf } from '../src/gguf/reader.js'
import { FleetHead } from './fleet-head.js'
import { SteadyLoad } from './fleet-load.js'
import type { FleetNode } from './fleet-node.js'
import { referenceModel } from './reference-model.js'
import { type BenchmarkOptions, judge, type Row, type Section } from './report.js'
import { now } from './support.js'

const STREAMS = 8
const SECONDS_MAX = 10
const ROUNDS_MAX = 5
const HEAD = ['--cards', '0', '--threads', '1', '--card-threads', '1', '--ctx', '1024']

type Case = {
  readonly name: string
  readonly options: readonly string[]
  readonly domains: number
}

type End = {
  readonly name: string
  readonly end: (node: FleetNode) => Promise<void>
}

const ENDS: readonly End[] = [
  { name: 'kill -9', end: (node) => node.kill() },
  { name: 'stopped', end: (node) => node.stop() },
]

export async function recovery({ rounds }: BenchmarkOptions): Promise<Section> {
  const { expertBytes } = mapPages(openGguf(referenceModel()))
  const none = `${Math.ceil(expertBytes / 32)}`
  const cases: Case[] = [
    { name: 'onto the head', options: [], domains: 2 },
    { name: 'onto other domains', options: ['--card-memory', none], domains: 3 },
  ]
  const rows: Row[] = []
  for (const one of cases) rows.push(...(await measureCase(one, Math.min(rounds, ROUNDS_MAX))))
  return {
    title: `fleet: seconds without a token when a domain ends, no replicas, ${STREAMS} streams`,
    rows,
  }
}

async function measureCase({ name, options, domains }: Case, rounds: number): Promise<Row[]> {
  const modelPath = referenceModel()
  const head = await FleetHead.start(modelPath, [...HEAD, '--parallel', `${STREAMS}`, ...options])
  const { port } = head
  try {
    const nodes = Array.from({ length: domains }, (_, index) => head.join(`node-${index}`))
    await head.settled({ domains })
    const load = new SteadyLoad({ port, modelPath, streams: STREAMS, prompt: 16, maxTokens: 960 })
    const seconds = ENDS.map((): number[] => [])
    for (let round = 0; round < rounds; round++) {
      for (const [at, { end }] of ENDS.entries()) {
        await load.pass(8 * STREAMS)
        const endedMs = now()
        await end(defined(nodes[0], 'a node'))
        await load.pass(8 * STREAMS)
        seconds[at]?.push(Math.max(...load.gaps({ fromMs: endedMs, toMs: now() })) / 1000)
        // Another identity, since a node that comes and goes is kept out.
        nodes[0] = head.join(`again-${round}-${at}`)
        await head.settled({ domains })
      }
    }
    void load.stop()
    return ENDS.map((how, at) => {
      const taken = seconds[at] ?? []
      return {
        subject: `${name}, ${how.name}`,
        's median': median(taken),
        worst: Math.max(...taken),
        rounds,
        'failed requests': load.failed.length,
        ...judge(Math.max(...taken), { atMost: SECONDS_MAX }),
      }
    })
  } finally {
    await head.stop()
  }
}
