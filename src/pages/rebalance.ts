/**
 * Changes a placement as little as domains that left, joined or changed ask for: holders stay where
 * they are, missing ones go where most is lacking, and only what newcomers should hold moves.
 */
import { noFit, totalBytes } from './capacity.js'
import type { HolderTable } from './holder-table.js'
import type { Occupancy } from './occupancy.js'

/** A domain within this share of its quota is left alone, so that jitter moves nothing. */
const SLACK = 0.05

/** Takes over the holders of another placement that are still there and have room. */
export function keepHolders(occupancy: Occupancy, current: HolderTable): void {
  const { table } = occupancy
  for (let entry = 0; entry < table.entries; entry++) {
    for (const id of current.holdersOf(entry)) {
      const at = occupancy.positionOf(id)
      if (at !== undefined) occupancy.add(entry, at)
    }
  }
}

/**
 * Gives every page the replicas it lacks.
 * @throws SputnikError PLACEMENT_FULL
 */
export function fillMissing(occupancy: Occupancy): void {
  const { table } = occupancy
  const modelBytes = totalBytes(occupancy.regions)
  let missingBytes = 0
  for (let entry = 0; entry < table.entries; entry++) {
    while (table.count(entry) < table.replicas) {
      const at = neediest(occupancy, { entry, modelBytes })
      const isPlaced = at === undefined ? makeRoom(occupancy, entry) : occupancy.add(entry, at)
      if (isPlaced) continue
      const lacking = table.replicas - table.count(entry)
      missingBytes += lacking * occupancy.pageBytes(table.page(entry).region)
      break
    }
  }
  if (missingBytes > 0) throw noFit(missingBytes)
}

/** Among domains with room: one below its quota if there is one, that lacks most of this region. */
function neediest(
  occupancy: Occupancy,
  { entry, modelBytes }: { entry: number; modelBytes: number },
): number | undefined {
  const { region } = occupancy.table.page(entry)
  const pageBytes = occupancy.pageBytes(region)
  let found: number | undefined
  let foundScore = Number.NEGATIVE_INFINITY
  for (let at = 0; at < occupancy.domains; at++) {
    if (occupancy.freeBytes(at) < pageBytes || occupancy.holds(entry, at)) continue
    const isBelow = occupancy.shortBytes(at) >= pageBytes / 2
    const share = occupancy.quota(at).quotaBytes / modelBytes
    const lack = occupancy.shortPages(region, { at, modelBytes }) / Math.max(share, 1e-9)
    const score = isBelow ? lack : lack - 1e12
    if (score <= foundScore) continue
    found = at
    foundScore = score
  }
  return found
}

/**
 * All domains with room hold the page already: moves another page of a full domain there.
 * False when that does not help either.
 */
function makeRoom(occupancy: Occupancy, entry: number): boolean {
  const { table } = occupancy
  const bytes = occupancy.pageBytes(table.page(entry).region)
  for (let other = 0; other < table.entries; other++) {
    if (occupancy.pageBytes(table.page(other).region) < bytes) continue
    for (const full of occupancy.positionsOf(other)) {
      if (occupancy.holds(entry, full)) continue
      const spare = spareFor(occupancy, other)
      if (spare === undefined) break
      occupancy.remove(other, full)
      return occupancy.add(other, spare) && occupancy.add(entry, full)
    }
  }
  return false
}

function spareFor(occupancy: Occupancy, entry: number): number | undefined {
  const bytes = occupancy.pageBytes(occupancy.table.page(entry).region)
  for (let at = 0; at < occupancy.domains; at++) {
    if (occupancy.freeBytes(at) >= bytes && !occupancy.holds(entry, at)) return at
  }
  return undefined
}

/** Brings domains that hold much too little up to their quota, from those that hold too much. */
export function balance(occupancy: Occupancy, popularity?: readonly Float32Array[]): void {
  for (let at = 0; at < occupancy.domains; at++) {
    const { quotaBytes } = occupancy.quota(at)
    if (occupancy.shortBytes(at) > quotaBytes * SLACK) fillUp(occupancy, { at, popularity })
  }
}

type Receiver = { readonly at: number; readonly popularity: readonly Float32Array[] | undefined }

/** Region by region, each time where it lacks most. */
function fillUp(occupancy: Occupancy, receiver: Receiver): void {
  const { at } = receiver
  const modelBytes = totalBytes(occupancy.regions)
  const isClosed = new Set<number>()
  for (;;) {
    const open = occupancy.regions.map((_, region) => region).filter((one) => !isClosed.has(one))
    const [first] = open
    if (first === undefined) return
    const lack = (region: number): number => occupancy.shortPages(region, { at, modelBytes })
    const region = open.reduce((a, b) => (lack(b) > lack(a) + 1e-9 ? b : a), first)
    const bytes = occupancy.pageBytes(region)
    const isEnough = occupancy.shortBytes(at) < bytes / 2 || occupancy.freeBytes(at) < bytes
    if (isEnough || !takePage(occupancy, { ...receiver, region, modelBytes })) isClosed.add(region)
  }
}

/** False when nobody has a page of the region to spare. */
function takePage(
  occupancy: Occupancy,
  { at, region, modelBytes, popularity }: Receiver & { region: number; modelBytes: number },
): boolean {
  const bytes = occupancy.pageBytes(region)
  const donors = occupancy.quotas
    .map((_, donor) => donor)
    .filter((donor) => donor !== at && occupancy.shortBytes(donor) <= -bytes / 2)
    .map((donor) => ({ donor, short: occupancy.shortPages(region, { at: donor, modelBytes }) }))
    .sort((a, b) => a.short - b.short || a.donor - b.donor)
  for (const { donor } of donors) {
    const entry = sparePage(occupancy, { at, donor, region, calls: popularity?.[region] })
    if (entry === undefined) continue
    occupancy.remove(entry, donor)
    return occupancy.add(entry, at)
  }
  return false
}

/** Of the donor's pages that the receiver lacks, the one of the most ordinary popularity. */
function sparePage(
  occupancy: Occupancy,
  from: { at: number; donor: number; region: number; calls: Float32Array | undefined },
): number | undefined {
  const { at, donor, region, calls } = from
  const experts = occupancy.regions[region]?.experts ?? 0
  const mean = (calls?.reduce((sum, one) => sum + one, 0) ?? 0) / experts
  let found: number | undefined
  let foundOff = Number.POSITIVE_INFINITY
  for (let expert = 0; expert < experts; expert++) {
    const entry = occupancy.table.entry(region, expert)
    if (!occupancy.holds(entry, donor) || occupancy.holds(entry, at)) continue
    const off = Math.abs((calls?.[expert] ?? mean) - mean)
    if (off >= foundOff) continue
    found = entry
    foundOff = off
  }
  return found
}
