/** What the tokens of a fleet cost and earn. */
import { type FleetCost, workHourUsd } from '../economics/fleet-cost.js'
import type { Spread } from '../economics/forecast.js'
import {
  grossMargin,
  hourMtok,
  markup,
  revenueUsd,
  type TokenPrices,
  usdPerMtok,
} from '../economics/token-cost.js'
import type { Fleet } from '../fleet/fleet.js'
import type { Workload } from '../workload.js'
import type { Offer } from './offer.js'
import type { Margin, PlanCost, PriceUsed } from './plan.js'

export function makeCost(
  offer: Offer,
  given: { readonly prices?: TokenPrices | undefined; readonly hourSpread?: Spread | undefined },
): PlanCost {
  const { cost, reference, candidate, confidence } = offer
  const { prices, hourSpread } = given
  const { utilisation } = candidate.workload
  const { outputTokensPerSecond, totalTokensPerSecond } = reference
  const perMtok = (hourUsd: number): number =>
    usdPerMtok(workHourUsd({ ...cost, hourUsd }, utilisation), outputTokensPerSecond)
  return {
    how: cost.how,
    hourUsd: cost.hourUsd,
    upfrontUsd: cost.upfrontUsd,
    ...(cost.own !== undefined && { own: cost.own }),
    paidShare: paidShare(offer),
    outputMtokUsd: perMtok(cost.hourUsd),
    totalMtokUsd: usdPerMtok(offer.workHourUsd, totalTokensPerSecond),
    ...(hourSpread !== undefined && {
      outputMtokSpread: {
        median: perMtok(hourSpread.median),
        low: perMtok(hourSpread.low),
        high: perMtok(hourSpread.high),
      },
    }),
    ...(prices !== undefined && { margin: marginOf(offer, prices) }),
    prices: pricesUsed(candidate.fleet, cost),
    confidence,
  }
}

function paidShare({ cost, candidate }: Offer): number {
  return cost.how === 'own' ? candidate.workload.utilisation : 1
}

/** Of each hour that is paid for. */
function marginOf(offer: Offer, prices: TokenPrices): Margin {
  const { cost, reference, candidate } = offer
  const { hourUsd } = cost
  const outputMtok = hourMtok(reference.outputTokensPerSecond) * paidShare(offer)
  const volume = volumeOf(outputMtok, candidate.workload)
  const incomeHourUsd = revenueUsd(volume, prices)
  const promptsUsd = revenueUsd({ ...volume, outputMtok: 0 }, prices)
  return {
    prices,
    incomeHourUsd,
    grossMargin: grossMargin(incomeHourUsd, hourUsd),
    markup: markup(incomeHourUsd, hourUsd),
    breakEvenOutputUsd: Math.max(0, (hourUsd - promptsUsd) / outputMtok),
  }
}

function volumeOf(outputMtok: number, { promptTokens, outputTokens, cachedShare }: Workload) {
  return { outputMtok, inputMtok: (outputMtok * promptTokens) / outputTokens, cachedShare }
}

/** Prices of the catalogue, with the cards they are of. */
function pricesUsed({ head, domains }: Fleet, { prices }: FleetCost): PriceUsed[] {
  const cards = [head, ...domains].flatMap((host) => host.cards.map(({ card }) => card))
  return prices.map((price) => ({
    card: cards.find((card) => card.prices.includes(price))?.name ?? 'card',
    usd: price.value,
    unit: price.unit,
    source: `${price.kind}, ${price.venue}, ${price.date}: ${price.source}`,
    confidence: price.trust === 'weak' ? 'assumed' : 'datasheet',
  }))
}
