/** One offer of tokens against another: what a million costs, and when the two cost the same. */
import { breakEvenMonths } from './break-even.js'
import type { FleetCost } from './fleet-cost.js'
import { cashHourUsd } from './own-cost.js'
import { grossMargin, tieTokensPerSecond, usdPerMtok } from './token-cost.js'

export type Offer = {
  readonly name: string
  readonly cost: FleetCost
  readonly tokensPerSecond: number
}

export type Use = {
  /** Share of the day in use, 0 to 1: what is bought is paid for all day, what is rented is not. */
  readonly utilisation: number
  readonly discountRate: number
}

export type Comparison = {
  readonly mtokUsd: number
  readonly otherMtokUsd: number
  /** Speed at which this offer would cost per token what the other does. */
  readonly tieTokensPerSecond: number
  /**
   * Share of the day in use above which owning is cheaper than renting, when one is owned and the
   * other is not; above 1: never.
   */
  readonly tieUtilisation?: number
  /** Until the other's bill for as many tokens has repaid the purchase; Infinity: never. */
  readonly breakEvenMonths: number
}

/** Dollars of a million tokens, of whatever kind the offer's speed counts. */
export function mtokUsdOf({ cost, tokensPerSecond }: Offer, utilisation: number): number {
  return usdPerMtok(usedHourUsd(cost, utilisation), tokensPerSecond)
}

/** As a share of income at `priceUsd` for a million tokens; negative: a loss. */
export function marginAt(offer: Offer, utilisation: number, priceUsd: number): number {
  return grossMargin(priceUsd, mtokUsdOf(offer, utilisation))
}

export function compareOffers(offer: Offer, other: Offer, use: Use): Comparison {
  const { utilisation, discountRate } = use
  const { cost, tokensPerSecond } = offer
  const otherMtokUsd = mtokUsdOf(other, utilisation)
  // As much of the other as makes as many tokens.
  const rentHourUsd =
    usedHourUsd(other.cost, utilisation) * (tokensPerSecond / other.tokensPerSecond)
  return {
    mtokUsd: mtokUsdOf(offer, utilisation),
    otherMtokUsd,
    tieTokensPerSecond: tieTokensPerSecond(usedHourUsd(cost, utilisation), otherMtokUsd),
    breakEvenMonths: breakEvenMonths({
      upfrontUsd: cost.upfrontUsd,
      cashHourUsd: cost.own === undefined ? cost.hourUsd * utilisation : cashHourUsd(cost.own),
      rentHourUsd,
      utilisation,
      discountRate,
    }),
    ...tieOf(offer, other),
  }
}

function tieOf(offer: Offer, other: Offer): Pick<Comparison, 'tieUtilisation'> {
  const [owned, rented] = offer.cost.how === 'own' ? [offer, other] : [other, offer]
  if (owned.cost.how !== 'own' || rented.cost.how === 'own') return {}
  const asMuch = owned.tokensPerSecond / rented.tokensPerSecond
  return { tieUtilisation: owned.cost.hourUsd / (rented.cost.hourUsd * asMuch) }
}

/** Dollars of an hour in use. */
function usedHourUsd({ how, hourUsd }: FleetCost, utilisation: number): number {
  return how === 'own' ? hourUsd / utilisation : hourUsd
}
