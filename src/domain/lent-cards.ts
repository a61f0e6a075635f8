/** The cards of this host as one of its heads is lent them, and what it may put on them. */
import { availableParallelism } from 'node:os'
import { type LentCard, lendMemory } from './card-memory.js'
import { Cards } from './cards.js'
import type { DomainConfig } from './protocol.js'

/**
 * How long both ends of a link look for a frame before they sleep: longer than a head takes from
 * one layer to the next where that takes no core from anybody, see `spinUsOf`.
 */
const SPIN_US = 4000
const SPIN_SHORT_US = 200

export type LentCards = {
  readonly links: Cards
  /** What each is and lends, as the head is told when the domain joins. */
  readonly lent: readonly LentCard[]
}

/**
 * Starts the cards for one of the heads; native libraries must be loaded. `known`: what was lent
 * before, since later on what is free is not what other heads leave; else the cards are asked.
 * @throws SputnikError CARD_FAILED, USAGE
 */
export function lendCards(
  config: DomainConfig,
  { now, known }: { now: () => number; known?: readonly LentCard[] },
): LentCards {
  const { backend, threads, memoryBytes, heads } = config
  const devices = devicesOf(config)
  const how = { spinUs: spinUsOf(config), isInline: isInline(config) }
  const links = new Cards({ devices, backend, threads, now, ...how })
  return { links, lent: known ?? lendMemory(links.find(), memoryBytes, heads.length) }
}

/** A card in this process has nothing to compute while this thread looks; others may. */
export function spinUsOf(config: DomainConfig): number {
  const { heads, threads } = config
  const devices = devicesOf(config)
  const busy = devices.filter((device) => device === 'cpu').length * threads * heads.length
  return isInline(config) || availableParallelism() > busy ? SPIN_US : SPIN_SHORT_US
}

/** A process that outlives its heads has memory back only from cards that end by themselves. */
function isInline(config: DomainConfig): boolean {
  return config.heads.length === 1 && devicesOf(config).length === 1
}

function devicesOf({ device }: DomainConfig): string[] {
  return device.split(',')
}
