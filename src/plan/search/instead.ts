/** What to tell someone whose search found nothing: what would do, and what that costs. */
import { type Choice, compareBy, type Goal } from './goal.js'
import { type SearchRequest, type SearchResult, searchFleets } from './search.js'

export type Instead = {
  readonly text: string
  /** The cheapest that fits and keeps the limits, or the fastest if that is what lacks. */
  readonly choice?: Choice
}

/** Call it with a result that has no best; it may search once more, without the budget. */
export function insteadOf(request: SearchRequest, result: SearchResult): Instead {
  const { goal } = request
  return goal.kind === 'cheapest' ? slowerThan(goal, result) : dearerThan(goal, request)
}

type Cheapest = Extract<Goal, { kind: 'cheapest' }>
type Fastest = Extract<Goal, { kind: 'fastest' }>

function slowerThan({ tokensPerSecond, measure }: Cheapest, result: SearchResult): Instead {
  const fastest = compareBy({ kind: 'fastest', measure, budgetUsd: Number.POSITIVE_INFINITY })
  const [choice] = [...result.front].sort(fastest)
  if (choice === undefined) return nothingFits(result)
  const text =
    `no fleet of the space reaches ${round(tokensPerSecond)} tokens/s; the fastest within the ` +
    `limits reaches ${round(choice.tokensPerSecond)} for ${priceOf(choice)}: ${choice.name}`
  return { text, choice }
}

function dearerThan({ budgetUsd, measure }: Fastest, request: SearchRequest): Instead {
  const goal: Goal = { kind: 'cheapest', measure, tokensPerSecond: Number.MIN_VALUE }
  const unbounded = searchFleets({ ...request, goal })
  const { best: choice } = unbounded
  if (choice === undefined) return nothingFits(unbounded)
  const unit = measure === 'hour' ? 'dollars an hour' : 'dollars'
  const text =
    `nothing for ${budgetUsd} ${unit} holds the model and keeps the limits; the cheapest fleet ` +
    `that does costs ${priceOf(choice)}: ${choice.name}`
  return { text, choice }
}

function nothingFits({ miss, counts }: SearchResult): Instead {
  const near = miss === undefined ? '' : `; nearest comes ${miss.name}: ${miss.text}`
  return { text: `none of ${counts.fleets} fleets will do at any price${near}` }
}

function priceOf({ upfrontUsd, hourUsd }: Choice): string {
  const hour = `${hourUsd.toFixed(2)} dollars an hour`
  return upfrontUsd === 0 ? hour : `${round(upfrontUsd)} dollars, ${hour}`
}

function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}
