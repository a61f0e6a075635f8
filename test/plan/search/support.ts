/** Small spaces, and a search that looks at every fleet of one. */

import { findCard } from '../../../src/plan/catalog/catalogue.js'
import { quickEstimate } from '../../../src/plan/cost/quick.js'
import { fleetCost } from '../../../src/plan/economics/fleet-cost.js'
import { NICS } from '../../../src/plan/economics/nic-prices.js'
import { fleetOf, groupsOf } from '../../../src/plan/search/candidates.js'
import type { Goal, Score } from '../../../src/plan/search/goal.js'
import {
  AS_IT_IS,
  defaultSpace,
  type SearchSpace,
  variantsOf,
} from '../../../src/plan/search/space.js'
import type { Workload } from '../../../src/plan/workload.js'
import { CHAT, model } from '../cost/support.js'

export const WORKLOAD: Workload = { ...CHAT, batches: [1, 8, 64] }

/** Names of what is chosen among; the rest is as by default. */
export type SmallSpace = {
  readonly model: string
  readonly heads?: readonly (readonly [card: string, count: number])[]
  readonly cards: readonly string[]
  readonly perHost?: readonly number[]
  readonly hosts: readonly number[]
  readonly gigabits: readonly string[]
  readonly replicas?: readonly number[]
  readonly formats?: readonly string[]
  readonly owned?: boolean
}

export function spaceOf(small: SmallSpace): SearchSpace {
  const shape = model(small.model)
  const heads = small.heads ?? [['rtx-5090', 1]]
  return {
    ...defaultSpace(shape),
    variants: variantsOf(shape, small.formats ?? [AS_IT_IS]),
    heads: heads.map(([card, count]) => ({ card: findCard(card), count })),
    cards: small.cards.map(findCard),
    cardsPerHost: small.perHost ?? [2],
    hosts: small.hosts,
    nics: NICS.filter(({ name }) => small.gigabits.includes(name.replace(' GbE', ''))),
    replicas: small.replicas ?? [1],
    owned: small.owned ?? true,
  }
}

export type Found = Score & { readonly name: string }

/** Scores of all fleets that are affordable, fit and keep the limits, in the order of the space. */
export function lookAtAll(space: SearchSpace, goal: Goal, workload: Workload): Found[] {
  return groupsOf(space).flatMap((group) =>
    group.rows.flat().flatMap((ports): Found[] => {
      const fleet = fleetOf(space, group, ports)
      const cost = fleetCost(fleet, workload.utilisation)
      const costUsd = goal.measure === 'hour' ? cost.hourUsd : cost.upfrontUsd
      if (goal.kind === 'fastest' && costUsd > goal.budgetUsd) return []
      const found = quickEstimate({ model: group.variant.shape, fleet, workload })
      if (!found.fits || found.best === undefined) return []
      const { outputTokensPerSecond: tokensPerSecond } = found.best
      return [{ name: fleet.name, tokensPerSecond, tpotS: found.smallest.tpotS, costUsd }]
    }),
  )
}

/** Those that no other beats in one respect without being worse in another; equal ones once. */
export function undominated(all: readonly Found[]): Found[] {
  const beats = (a: Found, b: Found): boolean =>
    a.tokensPerSecond >= b.tokensPerSecond &&
    a.tpotS <= b.tpotS &&
    a.costUsd <= b.costUsd &&
    (a.tokensPerSecond > b.tokensPerSecond || a.tpotS < b.tpotS || a.costUsd < b.costUsd)
  const keyOf = (one: Found): string => `${one.tokensPerSecond} ${one.tpotS} ${one.costUsd}`
  const first = new Map([...all].reverse().map((one) => [keyOf(one), one]))
  return [...first.values()].filter((one) => !all.some((other) => beats(other, one)))
}
