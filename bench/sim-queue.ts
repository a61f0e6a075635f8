/** Queues of events against each other: by themselves, and under a simulation of packets. */
import { Prng } from '../src/base/prng.js'
import { type Series, summarise } from '../src/base/statistics.js'
import { HeapQueue } from '../src/sim/net/event-heap.js'
import type { EventQueue } from '../src/sim/net/event-queue.js'
import { WheelQueue } from '../src/sim/net/wheel-queue.js'
import { type Benchmark, type Row, summaryRows } from './report.js'
import { permutation } from './sim-net-loads.js'
import { now, takeTurns } from './support.js'

const PENDING = [100, 1e3, 1e4, 1e5, 1e6]
const HOLDS = 1e6
/** A full packet at 100 Gb/s and a few hundred metres of cable. */
const DELAY_PS_MAX = 2e6
/** Power of two: delays made beforehand. */
const DELAYS = 1 << 16

const QUEUES: ReadonlyArray<readonly [string, () => EventQueue]> = [
  ['heap of 4', () => new HeapQueue()],
  ['wheel, 1 ns slots', () => new WheelQueue({ slotPs: 1024, slots: 65_536 })],
  ['wheel, 4 ns slots', () => new WheelQueue({ slotPs: 4096, slots: 16_384 })],
  ['wheel, 16 ns slots', () => new WheelQueue({ slotPs: 16_384, slots: 4096 })],
]

export const simQueue: Benchmark = {
  name: 'sim-queue',
  about: 'event queues of the network simulator: heap and timing wheel',
  run: async ({ rounds }) => {
    const sections = []
    for (const pending of PENDING) {
      const series = await takeTurns(
        QUEUES.map(([name, create]) => ({ name, run: () => holdRate(create(), pending) })),
        rounds,
      )
      sections.push({
        title: `sim-queue: million events a second, one in for one out, ${pending} waiting`,
        rows: rowsOf(series),
      })
    }
    const series = await takeTurns(
      QUEUES.map(([name, create]) => ({ name, run: () => permutation(create()).millionPerSecond })),
      rounds,
    )
    const title = 'sim-queue: million packet transmissions a second, 432 hosts all sending'
    return [...sections, { title, rows: rowsOf(series) }]
  },
}

function rowsOf(series: readonly Series[]): Row[] {
  return summaryRows(summarise(series), { unit: 'M/s' })
}

/** Million pairs of pop and push a second (the hold model of Vaucher and Duval, 1975). */
function holdRate(queue: EventQueue, pending: number): number {
  const random = Prng.fromSeed(1)
  const delays = Float64Array.from({ length: DELAYS }, () => random.nextBelow(DELAY_PS_MAX))
  for (let i = 0; i < pending; i++) queue.push(delays[i % DELAYS] ?? 0, i)
  const startMs = now()
  for (let i = 0; i < HOLDS; i++) {
    const nowPs = queue.nextPs()
    const code = queue.pop()
    queue.push(nowPs + (delays[i % DELAYS] ?? 0), code)
  }
  return HOLDS / (now() - startMs) / 1000
}
