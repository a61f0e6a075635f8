/** What a search is for, and which of two fleets serves it better. */
import { SputnikError } from '../../base/errors.js'
import type { Figures } from '../cost/figures.js'
import type { Fleet } from '../fleet/fleet.js'
import type { Workload } from '../workload.js'
import type { SearchSpace, Variant } from './space.js'

/** Dollars to spend at the start, or by the hour. */
export type Measure = 'purchase' | 'hour'

/**
 * `fastest`: most output tokens per second for the money. `cheapest`: least money for that many
 * output tokens per second. Latency limits are the workload's.
 */
export type Goal = { readonly measure: Measure } & (
  | { readonly kind: 'fastest'; readonly budgetUsd: number }
  | { readonly kind: 'cheapest'; readonly tokensPerSecond: number }
)

/** What fleets are compared by. */
export type Score = {
  /** Output tokens, at the best batch within the limits. */
  readonly tokensPerSecond: number
  /** Between two tokens of a user at the smallest batch: as fast as it serves anyone. */
  readonly tpotS: number
  /** By the measure of the goal. */
  readonly costUsd: number
}

export type Choice = Score & {
  /** In the space; of equal ones the first counts. */
  readonly index: number
  readonly name: string
  readonly variant: Variant
  readonly fleet: Fleet
  readonly hourUsd: number
  readonly upfrontUsd: number
  /** Of a million output tokens, with the hours in which there is no work. */
  readonly mtokUsd: number
  /** At the best batch. */
  readonly figures: Figures
}

/** Negative when `a` serves the goal better. Never 0 for two fleets of a space. */
export function compareBy({ kind }: Goal): (a: Choice, b: Choice) => number {
  const bySpeed = (a: Score, b: Score): number => b.tokensPerSecond - a.tokensPerSecond
  const byCost = (a: Score, b: Score): number => a.costUsd - b.costUsd
  const [first, second] = kind === 'fastest' ? [bySpeed, byCost] : [byCost, bySpeed]
  return (a, b) => first(a, b) || second(a, b) || a.tpotS - b.tpotS || a.index - b.index
}

/** Whether a fleet does what is asked for at least. */
export function meets(goal: Goal, { tokensPerSecond }: Score): boolean {
  return goal.kind === 'fastest' || tokensPerSecond >= goal.tokensPerSecond
}

export function affords(goal: Goal, costUsd: number): boolean {
  return goal.kind === 'cheapest' || costUsd <= goal.budgetUsd
}

/** @throws SputnikError SEARCH_INVALID, which names the field */
export function checkSearch(space: SearchSpace, goal: Goal, workload: Workload): void {
  if (goal.kind === 'fastest') checkPositive('budgetUsd', goal.budgetUsd)
  else checkPositive('tokensPerSecond', goal.tokensPerSecond)
  if (goal.measure === 'purchase' && !space.owned) {
    throw invalid('measure', 'is purchase, but the fleet is rented', 'hour')
  }
  checkPositive('tpotS', workload.tpotS)
  checkPositive('ttftS', workload.ttftS)
  for (const field of ['variants', 'heads', 'nics', 'replicas'] as const) {
    if (space[field].length === 0) throw invalid(field, 'is empty', 'at least one to choose')
  }
  for (const field of ['cardsPerHost', 'hosts', 'replicas'] as const) {
    for (const count of space[field]) checkCount(field, count)
  }
  for (const { count } of space.heads) checkCount('heads', count)
}

function checkPositive(field: string, value: number): void {
  if (Number.isFinite(value) && value > 0) return
  throw invalid(field, `is ${value}`, 'a number above 0')
}

function checkCount(field: string, value: number): void {
  if (Number.isSafeInteger(value) && value > 0) return
  throw invalid(field, `has ${value}`, 'whole numbers from 1 on')
}

function invalid(field: string, found: string, expected: string): SputnikError {
  return new SputnikError('SEARCH_INVALID', `${field} ${found}`, { field, expected })
}
