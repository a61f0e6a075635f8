/** What the tokens of a fleet cost and earn. */
import type { FleetCost } from '../economics/fleet-cost.js'
import type { Spread } from '../economics/forecast.js'
import { grossMargin, markup, revenueUsd, type TokenPrices } from '../economics/token-cost.js'
import type { Fleet } from '../fleet/fleet.js'
import type { Workload } from '../workload.js'
import { mtokUsd, type Offer } from './offer.js'
import type { Margin, PlanCost, PriceUsed } from './plan.js'

const SECONDS_PER_HOUR = 3600
const TOKENS_PER_MTOK = 1e6

export function makeCost(
  offer: Offer,
  given: { readonly prices?: TokenPrices | undefined; readonly hourSpread?: Spread | undefined },
): PlanCost {
  const { cost, hourUsd, paidShare, reference, candidate, confidence } = offer
  const { prices, hourSpread } = given
  const { outputTokensPerSecond, totalTokensPerSecond } = reference
  const perMtok = (usd: number): number =>
    mtokUsd(outputTokensPerSecond, { hourUsd: usd, paidShare })
  return {
    how: cost.how,
    hourUsd,
    upfrontUsd: cost.upfrontUsd,
    ...(cost.own !== undefined && { own: cost.own }),
    paidShare,
    outputMtokUsd: perMtok(hourUsd),
    totalMtokUsd: mtokUsd(totalTokensPerSecond, offer),
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

/** Of each hour that is paid for. */
function marginOf(
  { hourUsd, paidShare, reference, candidate }: Offer,
  prices: TokenPrices,
): Margin {
  const outputMtok =
    (reference.outputTokensPerSecond * SECONDS_PER_HOUR * paidShare) / TOKENS_PER_MTOK
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
