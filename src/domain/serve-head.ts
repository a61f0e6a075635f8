/**
 * The two halves of a domain's life for whoever joins a head in between: what cards there are, and
 * serving the head with them.
 */
import { availableParallelism } from 'node:os'
import { localSockets } from '../native/sockets.js'
import { type LentCard, lendMemory, withSlots } from './card-memory.js'
import { Cards } from './cards.js'
import { Domain } from './domain.js'
import { type DomainLoad, tableRegions } from './domain-cards.js'
import { DomainLoop } from './domain-loop.js'
import type { DomainConfig } from './protocol.js'
import type { Supply } from './supply.js'

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
  readonly spinUs: number
}

/**
 * Starts the cards and asks what memory they have; native libraries must be loaded.
 * @throws SputnikError CARD_FAILED, USAGE
 */
export function lendCards(
  { device, backend, threads, memoryBytes }: DomainConfig,
  now: () => number,
): LentCards {
  const devices = device.split(',')
  const spinUs = spinUsOf(devices, threads)
  const links = new Cards({ devices, backend, threads, spinUs, now })
  return { links, lent: lendMemory(links.find(), memoryBytes), spinUs }
}

/** A card in this process has nothing to compute while this thread looks; others may. */
function spinUsOf(devices: readonly string[], threads: number): number {
  const busy = devices.filter((device) => device === 'cpu').length * threads
  return devices.length === 1 || availableParallelism() > busy ? SPIN_US : SPIN_SHORT_US
}

export type ServeOptions = {
  readonly load: DomainLoad
  readonly supply: Supply
  readonly now: () => number
  /** False ends the domain: nobody wants it any more. */
  readonly isWanted: () => boolean
  /** What the domain holds; a few times a second. */
  readonly onProgress: (pages: number, bytes: number) => void
}

/**
 * Loads the cards; what it gives serves a head until that is gone. The process had better end when
 * it fails: cards that did start are not ended. @throws SputnikError why a card cannot load
 */
export function openDomain({ links, lent, spinUs }: LentCards, options: ServeOptions): DomainLoop {
  const { load, supply, now, isWanted, onProgress } = options
  const regions = tableRegions(load)
  const cards = lent.map((card) => withSlots(card, regions))
  const loop = new DomainLoop({
    domain: new Domain({ load, cards, pid: process.pid, now: now() }),
    ...{ cards: links, supply, now, spinUs, isWanted },
    yield: localSockets().yield,
    onTick: ({ status: { pages, bytes } }) => onProgress(pages, bytes),
  })
  loop.load()
  return loop
}
