/** A small fleet whose times are simple numbers. */
import {
  FleetMachines,
  type FleetMachinesOptions,
} from '../../../src/sim/serving/fleet-machines.js'
import { closedForm } from '../../../src/sim/serving/layer-network.js'

export const PAGE_BYTES = 1e6
export const LAYERS = 4
export const EXPERTS = 16

/** `domains` of room for so many pages each. */
export function fleetMachines(
  options: Partial<FleetMachinesOptions> & { readonly count: number; readonly pages: number },
): FleetMachines {
  const { count, pages } = options
  const region = { experts: EXPERTS, pageBytes: PAGE_BYTES }
  const speed = { flopsPerSecond: 1e12, bytesPerSecond: 1e9 }
  return new FleetMachines({
    regions: new Array<typeof region>(LAYERS).fill(region),
    expertsUsed: 2,
    domains: Array.from({ length: count }, (_, id) => ({
      id,
      cards: [{ memoryBytes: pages * PAGE_BYTES, speed }],
      isLocal: false,
      nicBytesPerSecond: 1e9,
      diskBytesPerSecond: 1e9,
    })),
    replicas: 1,
    popularity: { kind: 'uniform' },
    knowsPopularity: false,
    hasOrigin: true,
    headBytesPerSecond: 1e9,
    dispatchRowBytes: 1000,
    combineRowBytes: 2000,
    trunkS: () => 0.01,
    computeS: (_, { pairs, experts }) => 1e-5 * pairs + 1e-3 * experts,
    usualTokens: 8,
    network: closedForm({
      headBytesPerSecond: 1e9,
      domainBytesPerSecond: new Array<number>(count).fill(1e9),
      latencyS: 1e-5,
      bufferBytes: 1e6,
    }),
    faults: [],
    leaseS: 3,
    samples: 16,
    seed: 1,
    ...options,
  })
}
