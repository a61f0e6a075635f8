/**
 * How the value of owned cards goes down: not a line, but as many ways as the rental price may go.
 * A buyer pays for what a card earns an hour above its cash cost, so value follows that; when rent
 * falls below it the card is switched off and worth nothing. When rent rises it is worth what it
 * cost and no more, as nobody pays more for a used card than for a new one; that new ones may get
 * dearer too, as in 2021, is not counted on.
 */
import { SputnikError } from '../../base/errors.js'
import { MONTHS_PER_YEAR } from '../../base/units.js'
import {
  type MonthSpread,
  type PricePaths,
  type Spread,
  spreadByMonth,
  spreadOf,
} from './forecast.js'
import { type Equipment, type OwnTerms, ownHourCost } from './own-cost.js'

/** Dollars of an hour on the first day. */
export type Earning = {
  readonly rentUsd: number
  /** Energy, maintenance and colocation. */
  readonly cashUsd: number
}

export type ValueMonth = MonthSpread & {
  /** Share of futures in which rent does not pay the cash cost. */
  readonly offShare: number
}

/**
 * Value by month as a share of that on the first day.
 * @throws SputnikError BAD_PARAM when the rent does not pay the cash cost to begin with
 */
export function valueByMonth(paths: PricePaths, earning: Earning): ValueMonth[] {
  const share = valueShare(earning)
  return spreadByMonth(paths, share).map((spread) => ({
    ...spread,
    offShare: shareOf(paths.usd, (path) => share(path, spread.month) === 0),
  }))
}

/** Dollars of an owned hour when the residual is what the price of rent leaves of it. */
export function ownHourSpread(
  equipment: Equipment,
  terms: OwnTerms,
  { paths, earning }: { paths: PricePaths; earning: Earning },
): Spread {
  const share = valueShare(earning)
  const end = Math.min(paths.months, Math.round(terms.years * MONTHS_PER_YEAR))
  return spreadOf(
    paths.usd.map((path) => {
      const residualShare = share(path, end)
      return ownHourCost(equipment, { ...terms, residualShare }).totalUsd
    }),
  )
}

function valueShare({ rentUsd, cashUsd }: Earning): (path: Float64Array, month: number) => number {
  if (!(rentUsd > cashUsd)) {
    const text = `rentUsd: ${rentUsd} dollars an hour do not pay the cash cost of ${cashUsd}`
    throw new SputnikError('BAD_PARAM', text, { param: 'rentUsd' })
  }
  return (path, month) => {
    const now = (rentUsd * (path[month] ?? Number.NaN)) / (path[0] ?? Number.NaN)
    return Math.min(1, Math.max(0, now - cashUsd) / (rentUsd - cashUsd))
  }
}

function shareOf<T>(items: readonly T[], test: (item: T) => boolean): number {
  return items.filter(test).length / items.length
}
