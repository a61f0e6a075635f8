/** Why a search chose what it chose, and why the next best fleet lost: for people. */
import { defined } from '../../base/assert.js'
import { formatBytes } from '../../base/units.js'
import { type Bottleneck, bottleneckOf } from '../cost/bottleneck.js'
import { isPlan } from '../cost/cost-plan.js'
import { steadyLoad } from '../cost/figures.js'
import { COST_OPTIONS } from '../cost/options.js'
import { layOutFor } from '../cost/quick.js'
import { fleetEquipment } from '../economics/fleet-cost.js'
import type { Fleet } from '../fleet/fleet.js'
import { count, percent, usd } from '../numbers.js'
import { type Choice, compareBy, meets } from './goal.js'
import type { SearchRequest, SearchResult } from './search.js'

export type Reasons = {
  readonly best: readonly string[]
  /** The best of those with other cards; absent when all have the same. */
  readonly runnerUp?: { readonly choice: Choice; readonly lost: readonly string[] }
}

export function reasonsFor(request: SearchRequest, { best, front }: SearchResult): Reasons {
  if (best === undefined) return { best: [] }
  const { goal } = request
  const cards = cardsOf(best.fleet)
  const [choice] = front
    .filter((one) => meets(goal, one) && cardsOf(one.fleet) !== cards)
    .sort(compareBy(goal))
  const reasons = praise(request, best)
  if (choice === undefined) return { best: reasons }
  return { best: reasons, runnerUp: { choice, lost: losses(request, { best, choice }) } }
}

function praise(request: SearchRequest, best: Choice): string[] {
  const { goal } = request
  const { cardsUsd, otherUsd } = fleetEquipment(best.fleet)
  const what =
    goal.kind === 'fastest'
      ? `${perSecond(best)}, the most of all fleets for ${usd(goal.budgetUsd)}`
      : `${usd(best.hourUsd)} an hour, the least of all with ${count(goal.tokensPerSecond)} tokens/s`
  const split = best.fleet.owned
    ? [`cards are ${percent(cardsUsd / (cardsUsd + otherUsd))} of its price`]
    : []
  return [what, ...split, ...mixReason(best), limitText(bottleneck(request, best))]
}

/** A second kind of card is there for a reason. */
function mixReason({ fleet }: Choice): string[] {
  const [one, two] = fleet.domains.map((host) => host.cards[0]?.card)
  if (one === undefined || two === undefined) return []
  const [roomy, swift] = one.bandwidth.value <= two.bandwidth.value ? [one, two] : [two, one]
  return [
    `${roomy.name} adds room at ${formatBytes(roomy.usableMemory.value)} a card, ${swift.name} ` +
      `speed at ${formatBytes(swift.bandwidth.value)}/s: experts are shared out by speed`,
  ]
}

function losses(
  request: SearchRequest,
  { best, choice }: { readonly best: Choice; readonly choice: Choice },
): string[] {
  const differences = [
    difference(choice.tokensPerSecond / best.tokensPerSecond, ['more', 'fewer'], 'tokens/s'),
    difference(choice.hourUsd / best.hourUsd, ['more', 'less'], 'dollars an hour'),
    difference(choice.tpotS / best.tpotS, ['slower', 'faster'], 'for a single user'),
  ].flat()
  return [...differences, limitText(bottleneck(request, choice))]
}

const CLEARLY = 0.005

function difference(
  ratio: number,
  [above, below]: readonly [string, string],
  of: string,
): string[] {
  if (Math.abs(ratio - 1) < CLEARLY) return []
  return [`${percent(Math.abs(ratio - 1))} ${ratio > 1 ? above : below} ${of}`]
}

function bottleneck({ workload, options = COST_OPTIONS }: SearchRequest, choice: Choice) {
  const { fleet, variant, figures } = choice
  const plan = layOutFor({ model: variant.shape, fleet, workload, options })
  if (!isPlan(plan)) return undefined
  return bottleneckOf(plan, steadyLoad(plan, workload, figures.batch))
}

function limitText(limit: Bottleneck | undefined): string {
  const { resource, saves } = defined(limit, 'bottleneck of a fleet that fits')
  return `twice as much of ${resource} would save ${percent(saves)} of a step`
}

/** `2 x rtx-5090 + 4 x 2 x rtx-3090`, whatever its ports and replicas. */
function cardsOf({ head, domains }: Fleet): string {
  return [head, ...domains]
    .map(({ count: hosts, cards: [group] }) => `${hosts} x ${group?.count} x ${group?.card.id}`)
    .join(' + ')
}

function perSecond({ tokensPerSecond }: Choice): string {
  return `${count(tokensPerSecond)} tokens/s`
}
