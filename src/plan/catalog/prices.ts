/** Looks up dated prices of cards and racks. */
import type { Price, PriceKind } from './card.js'

export type Priced = { readonly prices: readonly Price[] }

/** The newest of a kind; of equally new ones the first in the catalogue. */
export function latestPrice(
  { prices }: Priced,
  kind: PriceKind,
  venue?: string,
): Price | undefined {
  const fitting = prices.filter(
    (price) => price.kind === kind && (venue === undefined || price.venue === venue),
  )
  return fitting.reduce<Price | undefined>(
    (newest, price) => (newest === undefined || price.date > newest.date ? price : newest),
    undefined,
  )
}
