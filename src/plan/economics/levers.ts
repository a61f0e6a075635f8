/** Inputs of a token's cost that nobody knows, and how far off they may be. */
import { type Equipment, type OwnTerms, ownHourCost } from './own-cost.js'
import { usdPerMtok } from './token-cost.js'
import { type Lever, type Swing, tornado } from './tornado.js'

export type OwnedTokens = {
  readonly equipment: Equipment
  readonly terms: OwnTerms
  readonly tokensPerSecond: number
}

export function ownedMtokUsd({ equipment, terms, tokensPerSecond }: OwnedTokens): number {
  return usdPerMtok(ownHourCost(equipment, terms).totalUsd, tokensPerSecond)
}

/** Ranges are of the inputs, around their values here where those are not known better. */
export function costLevers(base: OwnedTokens): Lever<OwnedTokens>[] {
  const { equipment, terms, tokensPerSecond } = base
  const byTerms = (name: string, low: Partial<OwnTerms>, high: Partial<OwnTerms>) => ({
    name,
    low: { ...base, terms: { ...terms, ...low } },
    high: { ...base, terms: { ...terms, ...high } },
  })
  const byCards = (share: number): OwnedTokens => ({
    ...base,
    equipment: { ...equipment, cardsUsd: equipment.cardsUsd * share },
  })
  const bySpeed = (share: number): OwnedTokens => ({
    ...base,
    tokensPerSecond: tokensPerSecond * share,
  })
  return [
    // Planners without a profile of the card are off by half.
    { name: 'tokens per second, half to one and a half', low: bySpeed(0.5), high: bySpeed(1.5) },
    // A 5090 went from 1,999 to 3,500 and more within its first year.
    { name: 'card price, two thirds to three halves', low: byCards(2 / 3), high: byCards(3 / 2) },
    byTerms('years of use, 2 to 6', { years: 2 }, { years: 6 }),
    byTerms('residual, none to 40 %', { residualShare: 0 }, { residualShare: 0.4 }),
    byTerms('discount rate, 4 to 16 %', { discountRate: 0.04 }, { discountRate: 0.16 }),
    byTerms('power, 0.05 to 0.35 $/kWh', { powerUsdPerKwh: 0.05 }, { powerUsdPerKwh: 0.35 }),
    byTerms('PUE, 1 to 1.6', { pue: 1 }, { pue: 1.6 }),
    byTerms('maintenance, 1 to 6 %', { maintenanceShare: 0.01 }, { maintenanceShare: 0.06 }),
    byTerms(
      'colocation, none to 200 $/kW-month',
      { colocationUsdPerKwMonth: 0 },
      { colocationUsdPerKwMonth: 200 },
    ),
  ]
}

/** What moves the dollars of a million tokens most comes first. */
export function costTornado(base: OwnedTokens): Swing[] {
  return tornado(costLevers(base), ownedMtokUsd)
}
