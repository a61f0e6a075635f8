/** A fleet on this machine: speed through a domain, bytes, joins, moves, losses. */
import { decode } from './fleet-decode.js'
import { joinTimes } from './fleet-join.js'
import { moving } from './fleet-move.js'
import { recovery } from './fleet-recover.js'
import { wireBytes } from './fleet-wire.js'
import type { Benchmark, BenchmarkOptions, Section } from './report.js'

type Part = (options: BenchmarkOptions) => Promise<Section | readonly Section[]>

/** In the order in which they run. */
const PARTS: Readonly<Record<string, Part>> = {
  decode,
  wire: wireBytes,
  join: joinTimes,
  moving,
  recovery,
}

/** One benchmark for all of them, and one for each, so that it can be run alone. */
export const fleet: readonly Benchmark[] = [
  {
    name: 'fleet',
    about: 'all of a fleet but kills: decode, bytes, joins, moves, recovery',
    run: async (options) => {
      const sections: Section[] = []
      for (const part of Object.values(PARTS)) sections.push(...[await part(options)].flat())
      return sections
    },
  },
  ...Object.entries(PARTS).map(([name, part]) => ({
    name: `fleet-${name}`,
    about: `the same, ${name} alone`,
    isLong: true,
    run: async (options: BenchmarkOptions) => [await part(options)].flat(),
  })),
]
