/**
 * What owned cards will be worth, by the many ways in which rents may go. The only rental price
 * with a history long enough to fit is the H100's; other cards are taken to move like it.
 */
import { SputnikError } from '../../base/errors.js'
import { fitRegimes } from '../economics/fit-regimes.js'
import { fleetCost } from '../economics/fleet-cost.js'
import { drawPaths, type PricePaths, type Spread } from '../economics/forecast.js'
import { cashHourUsd } from '../economics/own-cost.js'
import { H100_PRICES } from '../economics/price-path.js'
import { type Earning, ownHourSpread, valueByMonth } from '../economics/value-loss.js'
import type { Fleet } from '../fleet/fleet.js'
import type { Offer } from './offer.js'
import type { PlanValue } from './plan.js'

const MONTHS = 60
const PATHS = 2000

export type ValueOutlook = { readonly value: PlanValue; readonly hourSpread?: Spread }

/** Undefined when the fleet is not owned, or nobody is known to rent out one of its cards. */
export function makeValue({ cost, candidate }: Offer, seed: number): ValueOutlook | undefined {
  const { fleet } = candidate
  const rentHourUsd = marketRent(fleet)
  if (cost.own === undefined || rentHourUsd === undefined) return undefined
  const earning = { rentUsd: rentHourUsd, cashUsd: cashHourUsd(cost.own) }
  const said = { rentHourUsd, cashHourUsd: earning.cashUsd, confidence: 'assumed' } as const
  if (earning.rentUsd <= earning.cashUsd) return { value: { ...said, months: [] } }
  const paths = pathsOf(seed)
  return {
    value: { ...said, months: valueByMonth(paths, earning) },
    hourSpread: hourSpread({ cost, candidate }, { paths, earning }),
  }
}

/** By seed: they are the same for all fleets, and to fit them takes longer than a plan. */
const knownPaths = new Map<number, PricePaths>()

function pathsOf(seed: number): PricePaths {
  const known = knownPaths.get(seed)
  if (known !== undefined) return known
  const paths = drawPaths(fitRegimes(H100_PRICES, seed), { months: MONTHS, paths: PATHS, seed })
  knownPaths.set(seed, paths)
  return paths
}

function hourSpread(
  { cost, candidate }: Pick<Offer, 'cost' | 'candidate'>,
  future: { readonly paths: PricePaths; readonly earning: Earning },
): Spread {
  const { fleet, workload } = candidate
  const equipment = cost.own?.equipment
  if (equipment === undefined) throw new SputnikError('INTERNAL', 'owned without equipment')
  return ownHourSpread(equipment, { ...fleet.economics, load: workload.utilisation }, future)
}

/** Of all cards together; undefined when one of them has no such price. */
function marketRent(fleet: Fleet): number | undefined {
  const { hourUsd: _, ...rest } = fleet
  try {
    return fleetCost({ ...rest, owned: false }, 1).hourUsd
  } catch (error) {
    if (error instanceof SputnikError && error.code === 'PRICE_UNKNOWN') return undefined
    throw error
  }
}
