/** Level 1 of the page table: its size, the split of a batch, and how long a placement takes. */
import { Prng } from '../src/base/prng.js'
import { median, type Series, summarise } from '../src/base/statistics.js'
import { Partition, type RouterChoice } from '../src/fleet/partition.js'
import { emptyWork, ReplicaChooser, STANDING } from '../src/fleet/replica-choice.js'
import { Directory } from '../src/pages/directory.js'
import { placePages } from '../src/pages/placement.js'
import { type Benchmark, type BenchmarkOptions, judge, type Row, type Section } from './report.js'
import { now, takeTurns } from './support.js'

const TOKENS = 64
const TOP = 8
const EXPERTS = 256
const DOMAINS = 16
const REPLICAS = [1, 2, 8]
const SPLITS = 2000
const SPLIT_US_MAX = 50
const TABLE_BYTES_MAX = 64e6
const PLACE_SECONDS_MAX = 2

export const directory: Benchmark = {
  name: 'directory',
  about: 'look-up and split of a batch, size of the table, time of a placement',
  run: async (options) => [await splits(options), sizes(), await placements(options)],
}

async function splits({ rounds }: BenchmarkOptions): Promise<Section> {
  const subjects = REPLICAS.map((replicas) => ({
    name: `${replicas} replicas`,
    run: makeSplit(replicas),
  }))
  const series = await takeTurns(subjects, rounds)
  return {
    title: `directory: us to split ${TOKENS} tokens, top ${TOP} of ${EXPERTS}, ${DOMAINS} domains`,
    rows: medianRows(series, { unit: 'us', most: SPLIT_US_MAX }),
  }
}

function medianRows(
  series: readonly Series[],
  { unit, most }: { unit: string; most: number },
): Row[] {
  return summarise(series).map(({ name, median: middle, low }) => ({
    subject: name,
    [`${unit} median`]: middle,
    '20th pct': low,
    ...judge(middle, { atMost: most }),
  }))
}

/** Microseconds of one split, at the median of many. */
function makeSplit(replicas: number): () => Promise<number> {
  const table = new Directory([{ experts: EXPERTS }], replicas)
  for (let expert = 0; expert < EXPERTS; expert++) {
    for (let replica = 0; replica < replicas; replica++) {
      table.adopt((expert + 3 * replica) % DOMAINS, [{ region: 0, expert }])
    }
  }
  const work = emptyWork(DOMAINS)
  work.standing.fill(STANDING.ready)
  work.pairUs.fill(10)
  work.copyUs.fill(5)
  work.fixedUs.fill(100)
  const chooser = new ReplicaChooser(DOMAINS)
  const partition = new Partition(DOMAINS)
  const choices = Array.from({ length: 16 }, (_, seed) => drawChoice(Prng.fromSeed(seed)))
  return async () => {
    const samples: number[] = []
    for (let at = 0; at < SPLITS; at++) {
      const choice = choices[at % choices.length] ?? drawChoice(Prng.fromSeed(at))
      const started = now()
      const owners = chooser.choose(choice, { holders: table.holders(0), replicas, work })
      partition.split(choice, owners)
      samples.push(1000 * (now() - started))
    }
    return median(samples)
  }
}

function drawChoice(prng: Prng): RouterChoice {
  const experts = Array.from({ length: TOKENS }, () => {
    const chosen = new Set<number>()
    while (chosen.size < TOP) chosen.add(prng.nextBelow(EXPERTS))
    return [...chosen]
  }).flat()
  const weights = Float32Array.from(experts, () => prng.nextFloat())
  return { tokens: TOKENS, nUsed: TOP, experts: Int32Array.from(experts), weights }
}

function sizes(): Section {
  const regions = Array.from({ length: 1000 }, () => ({ experts: 1000 }))
  const rows = REPLICAS.map((replicas) => {
    const { bytes } = new Directory(regions, replicas)
    return { replicas, bytes, ...judge(bytes, { atMost: TABLE_BYTES_MAX }) }
  })
  return { title: 'directory: bytes of a table of one million pages', rows }
}

const FLEET_DOMAINS = 128
const FLEET_REGIONS = 61
const PAGE_BYTES = 25e6

async function placements({ rounds }: BenchmarkOptions): Promise<Section> {
  const subjects = [1, 2].flatMap((replicas) =>
    [false, true].map((isSkewed) => ({
      name: `${replicas} replicas${isSkewed ? ', popularity and co-activation' : ''}`,
      run: makePlacement(replicas, isSkewed),
    })),
  )
  const series = await takeTurns(subjects, Math.min(rounds, 5))
  return {
    title: `directory: CPU seconds to place ${FLEET_REGIONS} x ${EXPERTS} pages on ${FLEET_DOMAINS} domains`,
    rows: medianRows(series, { unit: 'CPU s', most: PLACE_SECONDS_MAX }),
  }
}

function makePlacement(replicas: number, isSkewed: boolean): () => Promise<number> {
  const prng = Prng.fromSeed(replicas)
  const regions = Array.from({ length: FLEET_REGIONS }, () => ({
    experts: EXPERTS,
    pageBytes: PAGE_BYTES,
  }))
  const domains = Array.from({ length: FLEET_DOMAINS }, (_, id) => {
    const speed = { points: [{ tokens: 1, usPerPair: 10 + prng.nextBelow(40) }] }
    return { id, cards: [{ memoryBytes: PAGE_BYTES * 400 * replicas, speed }] }
  })
  const popularity = regions.map(() =>
    Float32Array.from({ length: EXPERTS }, () => prng.nextFloat()),
  )
  const together = regions.map(() => drawTogether(prng))
  const request = { regions, domains, replicas }
  return async () => {
    const started = process.cpuUsage()
    placePages(isSkewed ? { ...request, popularity, together } : request)
    const { user, system } = process.cpuUsage(started)
    return (user + system) / 1e6
  }
}

function drawTogether(prng: Prng): Float32Array {
  const together = new Float32Array(EXPERTS * EXPERTS)
  for (let a = 0; a < EXPERTS; a++) {
    for (let b = 0; b < a; b++) {
      const tokens = prng.nextFloat() ** 4
      together[a * EXPERTS + b] = tokens
      together[b * EXPERTS + a] = tokens
    }
  }
  return together
}
