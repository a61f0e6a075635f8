/** Which of its prices a card or a rack is counted at. */
import { SputnikError } from '../../base/errors.js'
import type { Price, PriceKind } from '../catalog/card.js'
import { latestPrice, type Priced } from '../catalog/prices.js'

/** Anything with a name and prices. */
export type Offered = Priced & { readonly id: string }

const BOUGHT: readonly PriceKind[] = ['street', 'used', 'list']
/** What anyone gets without a commitment first. */
const RENTED: readonly PriceKind[] = ['on-demand', 'contract', 'spot']

/**
 * The newest price to buy.
 * @throws SputnikError PRICE_UNKNOWN
 */
export function priceToBuy(offered: Offered): Price {
  const prices = BOUGHT.flatMap((kind) => latestPrice(offered, kind) ?? [])
  const [first, ...others] = prices
  if (first === undefined) throw unknown(offered, 'to buy')
  return others.reduce((newest, price) => (price.date > newest.date ? price : newest), first)
}

/**
 * The price of an hour: on demand if there is one, else a contract, else the spot market.
 * @throws SputnikError PRICE_UNKNOWN
 */
export function priceToRent(offered: Offered): Price {
  for (const kind of RENTED) {
    const price = latestPrice(offered, kind)
    if (price !== undefined) return price
  }
  throw unknown(offered, 'to rent')
}

function unknown({ id }: Offered, purpose: string): SputnikError {
  return new SputnikError('PRICE_UNKNOWN', `${id}: no price ${purpose} is known`, { name: id })
}
