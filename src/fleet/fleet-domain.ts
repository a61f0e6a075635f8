/** What the fleet needs of a domain, whether its card is a process of this host or far away. */
import type { SputnikError } from '../base/errors.js'
import type { ExpertRecord } from '../base/expert.js'
import type { MapAnswer, PageAt } from '../fabric/control.js'
import type { Link } from '../fabric/link.js'
import type { CardCapacity } from '../pages/capacity.js'

export type FleetDomain = {
  readonly id: number
  /** Undefined when it is gone. */
  readonly link: Link | undefined
  readonly pages: number
  readonly pageBytes: number
  expertCalls: number
  /** Both are answered later, under the number they return. */
  map(pages: readonly PageAt[]): number
  unmap(pages: readonly PageAt[]): number
  takeAnswers(): PageNews[]
}

/** What a domain says of its pages, in order: how a change ended, or which are gone. */
export type PageNews = MapAnswer | { readonly gone: readonly PageAt[] }

/** A card of this host, which can always be started again. */
export type OwnDomain = FleetDomain & { restart(): void }

/** A domain that joined. */
export type JoinedDomain = FleetDomain & {
  readonly nodeId: string
  readonly name: string
  readonly cards: readonly CardCapacity[]
  /** Grows when a placement has to go by other memory or speed of its cards. */
  readonly cardsVersion: number
  /** Knows what its experts compute, so that it can be given pages and work. */
  readonly isReady: boolean
  /** It has said that it is about to end. */
  readonly isLeaving: boolean
  /** Signs of life so far. */
  readonly heartbeats: number
  learn(records: readonly ExpertRecord[]): void
  /** Ends the link; the reason is told first. */
  close(reason?: SputnikError): void
}
