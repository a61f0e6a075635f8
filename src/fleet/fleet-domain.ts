/** What the fleet needs of a domain, whether its card is a process of this host or far away. */
import type { SputnikError } from '../base/errors.js'
import type { PageAt } from '../fabric/control.js'
import type { Domain } from './dispatcher.js'

/** How a `map` or `unmap` ended; after an error the domain has the pages it had before. */
export type MapAnswer = { readonly id: number; readonly error?: SputnikError }

export type FleetDomain = Domain & {
  readonly pages: number
  readonly pageBytes: number
  /** Both are answered later, under the number they return. */
  map(pages: readonly PageAt[]): number
  unmap(pages: readonly PageAt[]): number
  takeAnswers(): MapAnswer[]
  /** Looks for answers. */
  poll(): void
}
