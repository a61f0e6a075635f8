/**
 * A plan: everything there is to say of one model on one fleet. The object is what `--json` prints;
 * text, markdown and pages are made of nothing else. A `confidence` speaks for all numbers of its
 * object and of those below it that have none of their own.
 */
import type { Advice } from '../cost/advice.js'
import type { Bottleneck } from '../cost/bottleneck.js'
import type { Confidence } from '../cost/confidence.js'
import type { BatchEstimate } from '../cost/estimate.js'
import type { MeasuredCheck } from '../cost/measured-check.js'
import type { PartTime } from '../cost/part-times.js'
import type { Shortage, TierBytes } from '../cost/placement.js'
import type { Verdict } from '../cost/verdicts.js'
import type { Spread } from '../economics/forecast.js'
import type { HourCost } from '../economics/own-cost.js'
import type { TokenPrices } from '../economics/token-cost.js'
import type { Swing } from '../economics/tornado.js'
import type { ValueMonth } from '../economics/value-loss.js'
import type { Workload } from '../workload.js'

/** Grows when a field changes its meaning or goes. */
export const PLAN_VERSION = 1 as const

export type Plan = PlanSubject &
  (({ readonly fits: true } & PlanResult) | { readonly fits: false; readonly shortage: Shortage })

/** What was asked. */
export type PlanSubject = {
  readonly version: typeof PLAN_VERSION
  readonly model: PlanModel
  readonly fleet: PlanFleet
  readonly workload: Workload
  readonly answer: Answer
  /** Fields that the fleet file left out, and what stands for them. */
  readonly assumed: readonly Assumed[]
}

export type Assumed = { readonly field: string; readonly text: string }

export type PlanModel = {
  readonly id: string
  readonly name: string
  readonly source: string
  readonly trunkBytes: number
  readonly expertBytes: number
  readonly experts: number
  readonly expertsUsed: number
  readonly moeLayers: number
}

export type PlanFleet = {
  readonly name: string
  readonly layout: 'apart' | 'whole'
  readonly cards: number
  /** `2 x rtx-3090`, by host. */
  readonly hosts: readonly {
    readonly name: string
    readonly count: number
    readonly cards: string
  }[]
  readonly replicas: number
}

/** Where a plan comes down. `mixed`: better than some, or at some speeds only. */
export type Judgement = 'yes' | 'no' | 'mixed'

export type Answer = {
  readonly judgement: Judgement
  /** One sentence each, the most important first. */
  readonly sentences: readonly string[]
}

export type PlanResult = {
  readonly placement: PlanPlacement
  readonly speed: PlanSpeed
  readonly cost: PlanCost
  readonly alternatives: readonly Alternative[]
  /** What a million output tokens cost where users get at least so many tokens per second. */
  readonly bySpeed: readonly SpeedRow[]
  readonly byNic: readonly NicRow[]
  /** Of owned cards with a rental price. */
  readonly value?: PlanValue
  /** Of an owned fleet: dollars of a million output tokens, by what is uncertain. */
  readonly sensitivity: readonly Swing[]
  readonly advice: readonly Advice[]
  readonly verdicts: readonly Verdict[]
  readonly assumptions: readonly string[]
}

export type PlanPlacement = {
  readonly pages: number
  readonly pageBytes: number
  readonly replicas: number
  /** Hosts behind the network that a token goes to in a layer, on average. */
  readonly copiesPerToken: number
  /** KV cache of one sequence, of all that there is room for, and how many sequences that is. */
  readonly sequenceBytes: number
  readonly cacheRoomBytes: number
  readonly maxBatch: number
  readonly hosts: readonly HostPlacement[]
  readonly confidence: Confidence
}

/** Bytes are of one of `count` hosts that are alike. */
export type HostPlacement = {
  readonly name: string
  readonly count: number
  readonly cards: string
  readonly isHead: boolean
  readonly trunk: TierBytes
  readonly pages: TierBytes
  /** Of its devices, workspace taken off. */
  readonly deviceBytes: number
  /** Of one copy of all pages, 0 to 1. */
  readonly share: number
}

/** How well a speed is known: by a run, or else how many times more or less it may be. */
export type Sureness = { readonly measured?: MeasuredCheck; readonly throughputSpread?: number }

export type PlanSpeed = Sureness & {
  /** The batches of the workload that have room. */
  readonly batches: readonly BatchEstimate[]
  /** Many batches between them, for curves. */
  readonly curve: readonly CurvePoint[]
  /** Most tokens per second within the limits; absent: no batch keeps them. */
  readonly best?: BatchEstimate
  /** What costs are counted at: the best, or else the smallest batch. */
  readonly reference: BatchEstimate
  readonly decode: PhaseTimes
  readonly prefill: PhaseTimes
}

/** The roofline of a part: what it would save most to have twice as much of. */
export type PhasePart = PartTime & { readonly bottleneck?: Bottleneck }

/** One step that decodes or takes in a prompt, nothing else. */
export type PhaseTimes = {
  /** Sequences, or prompt tokens. */
  readonly tokens: number
  readonly stepS: number
  readonly tokensPerSecond: number
  readonly parts: readonly PhasePart[]
  readonly bottleneck: Bottleneck
  readonly confidence: Confidence
}

export type CurvePoint = {
  readonly batch: number
  readonly tpotS: number
  readonly ttftS: number
  readonly outputTokensPerSecond: number
  readonly outputMtokUsd: number
  readonly meetsLimits: boolean
}

export type PlanCost = {
  readonly how: 'own' | 'rent' | 'given'
  /** Of all of it, in use as much as the workload says. */
  readonly hourUsd: number
  readonly upfrontUsd: number
  /** What `hourUsd` of an owned fleet is made of. */
  readonly own?: HourCost
  /** Share of the hours paid for in which tokens are made: 1 when it is rented by the hour. */
  readonly paidShare: number
  readonly outputMtokUsd: number
  /** Prompt tokens count as well. */
  readonly totalMtokUsd: number
  /** Of `outputMtokUsd`, by what owned cards may be worth in the end; the middle and 90 %. */
  readonly outputMtokSpread?: Spread
  readonly margin?: Margin
  readonly prices: readonly PriceUsed[]
  readonly confidence: Confidence
}

export type PriceUsed = {
  readonly card: string
  readonly usd: number
  readonly unit: string
  readonly source: string
  readonly confidence: Confidence
}

export type Margin = {
  readonly prices: TokenPrices
  /** Dollars that come in for each hour paid for. */
  readonly incomeHourUsd: number
  /** Of the income: at most 1. */
  readonly grossMargin: number
  /** Of the cost. */
  readonly markup: number
  /** Output price at which nothing is left, prompts being paid as they are. */
  readonly breakEvenOutputUsd: number
}

/** Another fleet, always full, at the same workload. */
export type Alternative = Sureness & {
  readonly id: string
  readonly name: string
  readonly cards: number
  readonly hourUsd: number
  /** Absent: it has no room for the model, or keeps no limit. */
  readonly best?: CurvePoint
  readonly problem?: string
  readonly curve: readonly CurvePoint[]
  /** Dollars of a million output tokens at the speed of the measured run, with its users. */
  readonly measuredMtokUsd?: number
  readonly comparison?: Comparison
  readonly confidence: Confidence
}

export type Comparison = {
  /** Dollars of an output token here over there, both at their best: below 1 the fleet wins. */
  readonly costRatio: number
  /** Output tokens per second here over there. */
  readonly throughputRatio: number
  /** Seconds of a token of one user alone, here over there. */
  readonly aloneRatio: number
  /** Dollars of an hour of work here over there, if the other served nobody else. */
  readonly hourRatio: number
  /** Of this fleet, to make a token as cheap. */
  readonly tieTokensPerSecond: number
  /** Hours of the day it must be used to make a token as cheap; above 1: never. Owned only. */
  readonly tieUtilisation?: number
  /** Until the price is earned by what the other asks for the same tokens; absent: never. */
  readonly breakEvenMonths?: number
}

export type SpeedRow = {
  readonly userTokensPerSecond: number
  /** Absent: it is never that fast. */
  readonly outputMtokUsd?: number
  /** In the order of `alternatives`. */
  readonly alternatives: readonly { readonly id: string; readonly outputMtokUsd?: number }[]
}

export type NicRow = {
  readonly bytesPerSecond: number
  readonly hourUsd: number
  /** Absent: no batch keeps the limits. */
  readonly outputTokensPerSecond?: number
  readonly outputMtokUsd?: number
}

export type PlanValue = {
  /** What the cards rent for now, and what an hour costs in cash, all cards together. */
  readonly rentHourUsd: number
  readonly cashHourUsd: number
  /** Share of the value of the first day: middle and 90 %; empty: rent does not pay the cash. */
  readonly months: readonly ValueMonth[]
  readonly confidence: Confidence
}
