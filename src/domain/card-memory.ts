/** How much memory each card of a domain lends, and how many pages of each region fit. Pure. */
import { totalBytes } from '../pages/capacity.js'
import type { TableRegion } from '../pages/domain-table.js'
import type { CardSpec } from './domain-cards.js'

/** Of the free memory; the rest is for everything else on the machine, or on the device. */
const HOST_SHARE = 0.8
const DEVICE_SHARE = 0.9

/**
 * A GPU has so many more slots than a head is told of: it has them region by region, and no head
 * fills all regions alike.
 */
const SLOT_SLACK = 1.1

export type FoundCard = {
  readonly device: string
  readonly threads: number
  /** Of its device now. */
  readonly freeBytes: number
}

export type LentCard = Omit<CardSpec, 'slots'> & {
  /** For slots, full or not. */
  readonly slotBytes: number
}

/**
 * What one of so many heads is lent. Cards on the CPU share the memory of the machine.
 * `memoryBytes`: the most that all of those may take together, and each GPU, for all heads; null:
 * what is free decides.
 */
export function lendMemory(
  cards: readonly FoundCard[],
  memoryBytes: number | null,
  heads = 1,
): LentCard[] {
  const onHost = cards.filter(({ device }) => isHost(device)).length
  return cards.map(({ device, threads, freeBytes }): LentCard => {
    if (isHost(device)) {
      const bytes = Math.floor((memoryBytes ?? HOST_SHARE * freeBytes) / (onHost * heads))
      return { device, threads, tier: 'host', memoryBytes: bytes, slotBytes: bytes }
    }
    const room = (DEVICE_SHARE * freeBytes) / heads
    const bytes = Math.floor(Math.min((memoryBytes ?? Infinity) / heads, room / SLOT_SLACK))
    const slotBytes = Math.floor(Math.min(room, SLOT_SLACK * bytes))
    return { device, threads, tier: 'device', memoryBytes: bytes, slotBytes }
  })
}

/**
 * A slot on the CPU takes memory only while it holds a page, so each region has one for every
 * expert and the bytes of all are what counts. A GPU takes it for all slots at once, and kernels
 * need the slots of a region side by side (and take longer the more slots a tensor has, so regions
 * had better not share one): there every region has room for the same part of its experts, and a
 * map of more than that fails for want of room in its region.
 */
export function withSlots(
  { slotBytes, ...card }: LentCard,
  regions: readonly TableRegion[],
): CardSpec {
  if (card.tier === 'host') return { ...card, slots: regions.map(({ experts }) => experts) }
  const all = totalBytes(regions)
  const part = Math.min(1, slotBytes / Math.max(1, all))
  return { ...card, slots: regions.map(({ experts }) => Math.floor(part * experts)) }
}

function isHost(device: string): boolean {
  return device === 'cpu'
}
