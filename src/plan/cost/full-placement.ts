/**
 * Page by page, with the code that places pages in a fleet: which domain holds which expert. Slower
 * than `placeApart`, which counts bytes only.
 */
import type { DomainCapacity, RegionPages } from '../../pages/capacity.js'
import type { HolderTable } from '../../pages/holder-table.js'
import { placePages } from '../../pages/placement.js'
import type { ModelWork } from './model-work.js'
import { isSpilled, type Placement } from './placement.js'

export type FullPlacement = {
  readonly table: HolderTable
  /** By domain id: in the order of the placement's sites, hosts that are alike in a row. */
  readonly domains: readonly DomainCapacity[]
}

/** @throws SputnikError PLACEMENT_FULL when whole pages need more room than their bytes */
export function fullPlacement(
  work: ModelWork,
  { placement, replicas }: { readonly placement: Placement; readonly replicas: number },
): FullPlacement {
  const { shape, pageBytes, pageFlops } = work
  const regions = Array.from({ length: shape.moeLayers }, (): RegionPages => {
    return { experts: shape.experts, pageBytes, flopsPerPair: pageFlops }
  })
  const domains = domainsOf(placement)
  return { table: placePages({ regions, domains, replicas }), domains }
}

/** Memory beside the cards counts to them in equal parts where pages lie there. */
function domainsOf({ sites }: Placement): DomainCapacity[] {
  return sites
    .flatMap((site) => {
      const { machine, count } = site
      const beside = isSpilled(site) ? machine.ramBytes + machine.host.diskBytes : 0
      const cards = machine.devices.flatMap((device) =>
        new Array<DomainCapacity['cards'][number]>(device.count).fill({
          memoryBytes: device.memoryBytes + beside / machine.deviceCount,
          speed: { flopsPerSecond: device.expertFlops, bytesPerSecond: device.bytesPerSecond },
        }),
      )
      return new Array<readonly DomainCapacity['cards'][number][]>(count).fill(cards)
    })
    .map((cards, id) => ({ id, cards }))
}
