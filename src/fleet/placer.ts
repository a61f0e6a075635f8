/**
 * Where pages should lie, given who is there: on the domains that joined if they have the room,
 * with as many replicas as fit, on spare cards of the head's host only what nobody else takes.
 * Pure.
 */
import { SputnikError } from '../base/errors.js'
import { type DomainCapacity, type RegionPages, totalBytes } from '../pages/capacity.js'
import { HolderTable, NO_DOMAIN } from '../pages/holder-table.js'
import { placePages } from '../pages/placement.js'

export type PlacerRequest = {
  readonly regions: readonly RegionPages[]
  readonly replicas: number
  /** Domains that are there to hold pages. */
  readonly members: readonly DomainCapacity[]
  /** Cards of the head's host that take what members cannot. */
  readonly spares: readonly DomainCapacity[]
  readonly current: HolderTable
  readonly popularity?: readonly Float32Array[]
}

/** Stands for nobody: what lands there has no holder. */
const NOWHERE = NO_DOMAIN - 1
/** So slow that it gets only what fits nowhere else. */
const NEVER = { flopsPerSecond: 1, bytesPerSecond: 1e-3 }

export function wantedPlacement(request: PlacerRequest): HolderTable {
  const { members, spares, replicas } = request
  for (let copies = Math.min(replicas, members.length); copies > 0; copies--) {
    const placed = tryPlace(request, members, copies)
    if (placed !== undefined) return placed
  }
  const all = [...members, ...spares]
  return tryPlace(request, all, 1) ?? placeSome(request, all)
}

function tryPlace(
  { regions, current, popularity }: PlacerRequest,
  domains: readonly DomainCapacity[],
  replicas: number,
): HolderTable | undefined {
  if (domains.length === 0) return undefined
  try {
    return placePages({ regions, domains, replicas, current, ...(popularity && { popularity }) })
  } catch (error) {
    if (error instanceof SputnikError && error.code === 'PLACEMENT_FULL') return undefined
    throw error
  }
}

/** Not all pages find a place. */
function placeSome(request: PlacerRequest, domains: readonly DomainCapacity[]): HolderTable {
  const memoryBytes = totalBytes(request.regions)
  const nowhere = { id: NOWHERE, cards: [{ memoryBytes, speed: NEVER }] }
  const placed = tryPlace(request, [...domains, nowhere], 1)
  const table = placed ?? new HolderTable(request.regions, 1)
  table.removeDomain(NOWHERE)
  return table
}
