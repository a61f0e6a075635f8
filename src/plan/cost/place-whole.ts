/**
 * Where a model lies when every card holds the trunk and a share of the pages. Cards that a
 * scale-up link joins hold the model together if they can; else all cards of the fleet do.
 */
import { formatBytes } from '../../base/units.js'
import type { Device } from './machine.js'
import type { ModelWork } from './model-work.js'
import type { Hosts, Placement, Shortage } from './placement.js'

export type WholePlacement = Placement & {
  /** Sets of cards of which each holds the model and serves users of its own. */
  readonly groups: number
  readonly groupCards: number
  /** Cards joined by a faster link than the network. */
  readonly linkedCards: number
}

export function placeWhole(request: {
  readonly work: ModelWork
  readonly hosts: readonly Hosts[]
  readonly replicas: number
  readonly cacheBytes: number
}): WholePlacement | Shortage {
  const { work, hosts, replicas, cacheBytes } = request
  const cards = hosts.reduce((sum, { machine, count }) => sum + count * machine.deviceCount, 0)
  const linkedCards = Math.min(cards, ...hosts.map(({ machine }) => linked(machine)))
  // The cards work in step, so the smallest one's memory counts.
  const memory = Math.min(...hosts.flatMap(({ machine }) => machine.devices.map(memoryOf)))
  const pages = work.allPageBytes * replicas
  const room = (groupCards: number): number =>
    groupCards * (memory - work.trunkBytes) - pages - cacheBytes
  const isLocal = room(linkedCards) >= 0 && replicas <= linkedCards
  const groupCards = isLocal ? linkedCards : cards
  if (room(groupCards) < 0 || replicas > groupCards) {
    return shortage({ missingBytes: -room(cards), cards, work })
  }
  const groups = Math.floor(cards / groupCards)
  const perCard = pages / groupCards
  return {
    fits: true,
    trunk: { device: work.trunkBytes, ram: 0, disk: 0 },
    cacheRoomBytes: groups * (groupCards * (memory - work.trunkBytes) - pages),
    sites: hosts.map(({ machine, count }) => ({
      machine,
      count,
      isLocal: true,
      pages: { device: perCard * machine.deviceCount, ram: 0, disk: 0 },
      share: machine.deviceCount / cards,
    })),
    groups,
    groupCards,
    linkedCards: Math.min(linkedCards, groupCards),
  }
}

function linked({ devices, deviceCount }: Hosts['machine']): number {
  return Math.min(...devices.map(({ card }) => card?.scaleUp?.cards ?? deviceCount))
}

function memoryOf({ memoryBytes }: Device): number {
  return memoryBytes
}

function shortage(lack: { missingBytes: number; cards: number; work: ModelWork }): Shortage {
  const { missingBytes, cards, work } = lack
  const text =
    `${cards} cards lack ${formatBytes(Math.max(0, missingBytes))}: each holds the trunk of ` +
    `${formatBytes(work.trunkBytes)}, all together pages of ${formatBytes(work.allPageBytes)}`
  const remedy = 'add hosts, take a narrower number format, or lay the fleet out `apart`'
  return { fits: false, where: 'cards', missingBytes, text, remedy }
}
