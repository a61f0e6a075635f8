/** What a search wants to know of a candidate, and nothing more. */
import type { Fleet, Host } from '../fleet/fleet.js'
import type { ModelShape } from '../model/shape.js'
import type { Workload } from '../workload.js'
import { type CostPlan, isPlan, layOut } from './cost-plan.js'
import { type Figures, figuresAt, firstTokenS, maxBatch, meetsLimits, tokenS } from './figures.js'
import type { ModelWork } from './model-work.js'
import { COST_OPTIONS, type CostOptions } from './options.js'
import { isSpilled, type Shortage } from './placement.js'

export type Candidate = {
  readonly model: ModelShape
  readonly fleet: Fleet
  readonly workload: Workload
  readonly options?: CostOptions
  /** Of the model with these options (`modelWork`), to count its parameters once only. */
  readonly work?: ModelWork
}

export type QuickEstimate = {
  readonly fits: true
  readonly maxBatch: number
  /** At the smallest batch: how fast one user is served. */
  readonly smallest: Figures
  /** Most tokens per second within the workload's limits; undefined: no batch keeps them. */
  readonly best?: Figures
}

export function quickEstimate(candidate: Candidate): QuickEstimate | Shortage {
  const plan = layOutFor(candidate)
  return isPlan(plan) ? quickFigures(plan, candidate.workload) : plan
}

/**
 * The KV cache of the smallest batch must have room beside the pages. Where that leaves pages in
 * host memory while others lie beside the cache, room for more sequences may be worth more than
 * they are: of the workload's batches the one that makes most tokens is given room. The network is
 * left out of that, so that no port changes where pages lie and faster ones are never slower.
 */
export function layOutFor(candidate: Candidate): CostPlan | Shortage {
  const [smallest = 1, ...larger] = [...candidate.workload.batches].sort((a, b) => a - b)
  const tight = layOutWith(candidate, smallest)
  if (!isPlan(tight) || !isContended(tight)) return tight
  const ideal = { ...candidate, fleet: withoutNetwork(candidate.fleet) }
  let best = { sequences: smallest, tokens: mostTokens(ideal, smallest) }
  for (const sequences of larger) {
    const tokens = mostTokens(ideal, sequences)
    if (tokens > best.tokens) best = { sequences, tokens }
  }
  return best.sequences === smallest ? tight : layOutWith(candidate, best.sequences)
}

function layOutWith(candidate: Candidate, sequences: number): CostPlan | Shortage {
  const { workload, options = COST_OPTIONS, ...rest } = candidate
  const contextTokens = workload.promptTokens + workload.outputTokens
  return layOut({ ...rest, options, sequences, contextTokens })
}

/** Whether KV cache and pages want the same memory of the head, and some pages went elsewhere. */
function isContended({ placement, layout }: CostPlan): boolean {
  const { sites } = placement
  if (layout !== 'apart' || !sites.some(isSpilled)) return false
  return sites.some((one) => one.isLocal && one.pages.device > 0)
}

/** Per second within the limits; 0: there is no room, or no batch keeps them. */
function mostTokens(candidate: Candidate, sequences: number): number {
  const plan = layOutWith(candidate, sequences)
  if (!isPlan(plan)) return 0
  return quickFigures(plan, candidate.workload).best?.outputTokensPerSecond ?? 0
}

function withoutNetwork(fleet: Fleet): Fleet {
  const ideal = (host: Host): Host => ({ ...host, nic: { bytesPerSecond: 1e15, transportS: 0 } })
  return { ...fleet, head: ideal(fleet.head), domains: fleet.domains.map(ideal) }
}

export function quickFigures(plan: CostPlan, workload: Workload): QuickEstimate {
  const most = maxBatch(plan, workload)
  const least = Math.max(1, Math.min(most, ...workload.batches))
  const smallest = figuresAt(plan, workload, least)
  const best = bestFigures(plan, { workload, smallest, most })
  return { fits: true, maxBatch: most, smallest, ...(best !== undefined && { best }) }
}

/** At the largest batch that keeps the limits: throughput, and both times too, grow with it. */
function bestFigures(
  plan: CostPlan,
  given: { readonly workload: Workload; readonly smallest: Figures; readonly most: number },
): Figures | undefined {
  const { workload, smallest, most } = given
  if (!meetsLimits(smallest, workload)) return undefined
  const low = smallest.batch
  const high = Math.max(low, most)
  const byTpot = largestWithin(workload.tpotS, {
    ...{ low, high, lowS: smallest.tpotS },
    timeOf: (batch) => tokenS(plan, workload, batch),
  })
  const byTtft = largestWithin(workload.ttftS, {
    ...{ low, high: byTpot, lowS: smallest.ttftS },
    timeOf: (batch) => firstTokenS(plan, workload, batch),
  })
  return byTtft === low ? smallest : figuresAt(plan, workload, byTtft)
}

/** Batches are told apart to one in so many. */
const PRECISION = 1.02

type Range = {
  /** Keeps the limit. */
  readonly low: number
  readonly lowS: number
  readonly high: number
  readonly timeOf: (batch: number) => number
}

/** Times are nearly straight lines, so a guess between two of them is near; halving mends it. */
function largestWithin(limitS: number, range: Range): number {
  let { low, lowS, high } = range
  let highS = range.timeOf(high)
  if (highS <= limitS) return high
  for (let round = 0; high > low * PRECISION && high - low > 1; round++) {
    const line = low + ((limitS - lowS) / (highS - lowS)) * (high - low)
    const guess = Math.floor(round % 2 === 0 ? line : Math.sqrt(low * high))
    const middle = Math.min(high - 1, Math.max(low + 1, guess))
    const middleS = range.timeOf(middle)
    if (middleS <= limitS) {
      low = middle
      lowS = middleS
    } else {
      high = middle
      highS = middleS
    }
  }
  return low
}
