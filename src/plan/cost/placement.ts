/**
 * Where trunk, KV cache and pages of a model lie, in bytes: what does not fit into the devices goes
 * to host memory, and from there to disks. A search asks this for each candidate; `fullPlacement`
 * places page by page, with the fleet's own code, and agrees.
 */
import { formatBytes } from '../../base/units.js'
import type { Machine } from './machine.js'
import type { ModelWork } from './model-work.js'
import { roomOf, shareOut } from './share-out.js'

export const TIERS = ['device', 'ram', 'disk'] as const
export type Tier = (typeof TIERS)[number]
export type TierBytes = { readonly [tier in Tier]: number }

/** Hosts that are alike, with the bytes of pages that each of them holds. */
export type Site = {
  readonly machine: Machine
  readonly count: number
  /** The head's own cards: no network between. */
  readonly isLocal: boolean
  readonly pages: TierBytes
  /** Of one host: 0 to 1, of one copy of all pages. All hosts together make up 1. */
  readonly share: number
}

/** Whether some of its pages lie beside its devices. */
export function isSpilled({ pages }: Site): boolean {
  return pages.ram + pages.disk > 0
}

export type Placement = {
  readonly fits: true
  /** Bytes at the head, or on each card of a `whole` fleet. */
  readonly trunk: TierBytes
  /** For KV at the head, or on all cards together. */
  readonly cacheRoomBytes: number
  readonly sites: readonly Site[]
}

/** Why there is no placement. */
export type Shortage = {
  readonly fits: false
  readonly where: 'head' | 'domains' | 'cards'
  readonly missingBytes: number
  readonly text: string
  readonly remedy: string
}

export type Hosts = { readonly machine: Machine; readonly count: number }

export type ApartRequest = {
  readonly work: ModelWork
  readonly head: Machine
  readonly domains: readonly Hosts[]
  readonly replicas: number
  /** Of KV cache that must have room beside the pages. */
  readonly cacheBytes: number
}

/** Trunk and KV at the head, pages at the domains; the head takes what they cannot. */
export function placeApart(request: ApartRequest): Placement | Shortage {
  const { work, head, domains, replicas, cacheBytes: cache } = request
  const needed = work.trunkBytes + cache
  const spare = head.deviceBytes + head.ramBytes - needed
  if (spare < 0) return headShortage({ missingBytes: -spare, trunkBytes: work.trunkBytes, cache })
  // Layers lie with their cache, so both spill in the same ratio.
  const onDevice = Math.min(1, head.deviceBytes / needed)
  const trunkDevice = work.trunkBytes * onDevice
  const sites = domains.map(({ machine, count }) => new OpenSite(machine, { count, work }))
  const local = new OpenSite(head, { count: 1, work, isLocal: true })
  const spareDevice = head.deviceBytes - needed * onDevice
  local.room = { device: spareDevice, ram: spare - spareDevice, disk: head.host.diskBytes }
  const missingBytes = fill({ sites, local, work, replicas })
  if (missingBytes > 0) return pageShortage({ missingBytes, replicas, work })
  const inUse = [...sites, local].filter((site) => site.held > 0)
  const deviceLeft = head.deviceBytes - work.trunkBytes - local.pages.device
  return {
    fits: true,
    trunk: { device: trunkDevice, ram: work.trunkBytes - trunkDevice, disk: 0 },
    cacheRoomBytes: onDevice < 1 ? cache : deviceLeft,
    sites: inUse.map((site) => site.close(replicas)),
  }
}

/** Fills tier by tier, domains before the head; returns the bytes that find no place. */
function fill({ sites, local, work, replicas }: Filling): number {
  let left = work.allPageBytes * replicas
  for (const tier of TIERS) {
    left = fillTier(tier, { left, sites })
    if (left > 0) left = fillTier(tier, { left, sites: [local] })
  }
  return left
}

type Filling = {
  readonly sites: readonly OpenSite[]
  readonly local: OpenSite
  readonly work: ModelWork
  readonly replicas: number
}

function fillTier(
  tier: Tier,
  { left, sites }: { left: number; sites: readonly OpenSite[] },
): number {
  if (sites.length === 0) return left
  const rooms = sites.map((site) => site.roomIn(tier))
  const total = Math.min(left, roomOf(rooms))
  const shares = shareOut(total, rooms)
  sites.forEach((site, at) => {
    site.take(tier, shares[at] ?? 0)
  })
  // Sums of shares differ from their total by rounding.
  return left - total < 1 ? 0 : left - total
}

/** A site while it is filled. */
class OpenSite {
  readonly machine: Machine
  readonly count: number
  readonly isLocal: boolean
  room: TierBytes
  readonly pages = { device: 0, ram: 0, disk: 0 }
  readonly #work: ModelWork
  readonly #modelBytes: number

  constructor(machine: Machine, site: { count: number; work: ModelWork; isLocal?: boolean }) {
    this.machine = machine
    this.count = site.count
    this.isLocal = site.isLocal ?? false
    this.#work = site.work
    this.#modelBytes = site.work.allPageBytes
    this.room = {
      device: wholePages(machine, site.work.pageBytes),
      ram: machine.ramBytes,
      disk: machine.host.diskBytes,
    }
  }

  get held(): number {
    return this.pages.device + this.pages.ram + this.pages.disk
  }

  roomIn(tier: Tier): { limit: number; weight: number; count: number } {
    // No host holds a page twice.
    const limit = Math.min(this.room[tier], this.#modelBytes - this.held)
    return { limit, weight: this.#weight(tier), count: this.count }
  }

  take(tier: Tier, bytes: number): void {
    this.pages[tier] += bytes
  }

  close(replicas: number): Site {
    const { machine, count, isLocal, pages } = this
    return { machine, count, isLocal, pages, share: this.held / (this.#modelBytes * replicas) }
  }

  /** Bytes per second for one token of an expert, as the fleet compares its domains. */
  #weight(tier: Tier): number {
    const { machine } = this
    if (tier === 'ram') return Math.max(1, machine.ramBytesPerSecond)
    if (tier === 'disk') return Math.max(1, machine.diskBytesPerSecond)
    const { pageBytes, pageFlops } = this.#work
    return machine.devices.reduce((sum, device) => {
      const pageS = Math.max(pageFlops / device.expertFlops, pageBytes / device.bytesPerSecond)
      return sum + device.count / pageS
    }, 0)
  }
}

/** A page lies on one card. */
function wholePages({ devices }: Machine, pageBytes: number): number {
  return devices.reduce(
    (sum, { count, memoryBytes }) => sum + count * Math.floor(memoryBytes / pageBytes) * pageBytes,
    0,
  )
}

function headShortage(lack: {
  readonly missingBytes: number
  readonly trunkBytes: number
  readonly cache: number
}): Shortage {
  const { missingBytes, trunkBytes, cache } = lack
  return {
    fits: false,
    where: 'head',
    missingBytes,
    text:
      `the head lacks ${formatBytes(missingBytes)}: its trunk takes ${formatBytes(trunkBytes)}, ` +
      `the KV cache of the smallest batch ${formatBytes(cache)}`,
    remedy: 'give the head a card with more memory, more RAM, or ask for shorter contexts',
  }
}

function pageShortage(lack: {
  readonly missingBytes: number
  readonly replicas: number
  readonly work: ModelWork
}): Shortage {
  const { missingBytes, replicas, work } = lack
  const copies = replicas === 1 ? 'pages' : `${replicas} replicas of the pages`
  return {
    fits: false,
    where: 'domains',
    missingBytes,
    text:
      `${copies} take ${formatBytes(work.allPageBytes * replicas)}, of which ` +
      `${formatBytes(missingBytes)} find no place in cards, RAM and disks`,
    remedy:
      replicas === 1
        ? 'add domains or cards, or take a narrower number format for the experts'
        : 'ask for fewer replicas, or add domains or cards',
  }
}
