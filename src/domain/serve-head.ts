/**
 * The two halves of a domain's life for whoever joins a head in between: what cards there are, and
 * serving the head with them.
 */
import { localSockets } from '../native/sockets.js'
import { type LentCard, lendMemory, withSlots } from './card-memory.js'
import { Cards } from './cards.js'
import { Domain } from './domain.js'
import { type DomainLoad, tableRegions } from './domain-cards.js'
import { DomainLoop } from './domain-loop.js'
import type { DomainConfig } from './protocol.js'
import type { Supply } from './supply.js'

/** How long both ends of a link look for a frame before they sleep. */
const SPIN_US = 200

export type LentCards = {
  readonly links: Cards
  /** What each is and lends, as the head is told when the domain joins. */
  readonly lent: readonly LentCard[]
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
  const links = new Cards({ devices, backend, threads, spinUs: SPIN_US, now })
  return { links, lent: lendMemory(links.find(), memoryBytes) }
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

/** Loads the cards; what it gives serves a head until that is gone. @throws SputnikError */
export function openDomain({ links, lent }: LentCards, options: ServeOptions): DomainLoop {
  const { load, supply, now, isWanted, onProgress } = options
  const regions = tableRegions(load)
  const cards = lent.map((card) => withSlots(card, regions))
  const loop = new DomainLoop({
    domain: new Domain({ load, cards, pid: process.pid, now: now() }),
    ...{ cards: links, supply, now, spinUs: SPIN_US, isWanted },
    yield: localSockets().yield,
    onTick: ({ status: { pages, bytes } }) => onProgress(pages, bytes),
  })
  loop.load()
  return loop
}
