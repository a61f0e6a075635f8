/** How fast packets go through the network simulator, on one core. */
import { median, summarise } from '../src/base/statistics.js'
import { type Benchmark, judge, type Section } from './report.js'
import { incast, permutation, type Speed } from './sim-net-loads.js'
import { takeTurns } from './support.js'

/** Million transmissions a second. */
const SPEED_MIN = 2
const SENDERS = 431
const INCAST_PACKETS = 400
/** Flows of a permutation grow by this; memory must not. */
const LENGTHS = [100, 200, 400]

export const simNet: Benchmark = {
  name: 'sim-net',
  about: 'packet transmissions of the network simulator a second',
  run: async ({ rounds }) => [await speed(rounds), memory()],
}

async function speed(rounds: number): Promise<Section> {
  const last = new Map<string, Speed>()
  const subject = (name: string, load: () => Speed) => ({
    name,
    run: (): number => {
      const made = load()
      last.set(name, made)
      return made.millionPerSecond
    },
  })
  const series = await takeTurns(
    [
      subject('permutation of 432', () => permutation()),
      subject(`incast ${SENDERS}:1`, () => incast(SENDERS, INCAST_PACKETS)),
    ],
    rounds,
  )
  return {
    title: 'sim-net: million packet transmissions a second (a packet leaving a port), fat-tree',
    rows: summarise(series).map(({ name, median: middle, low }) => ({
      subject: name,
      transmissions: last.get(name)?.transmissions ?? 0,
      'events each': last.get(name)?.eventsPerTransmission ?? 0,
      'M/s median': middle,
      '20th pct': low,
      ...judge(middle, { atLeast: SPEED_MIN }),
    })),
  }
}

/** Of the packets' columns: the pool's capacity, which only the most alive at once decides. */
function memory(): Section {
  const runs = LENGTHS.map((packets) => ({ packets, ...permutation(undefined, packets) }))
  const most = median(runs.map(({ packetsPeak }) => packetsPeak))
  return {
    title: 'sim-net: packets alive at once, as flows of 432 hosts grow',
    rows: runs.map(({ packets, transmissions, packetsPeak }) => ({
      'packets a flow': packets,
      transmissions,
      'most alive': packetsPeak,
      ...judge(packetsPeak / most, { atMost: 1.1 }),
    })),
  }
}
