/**
 * Watches a simulation and keeps what a report needs: latencies of requests, work and queues over
 * time. Counts only between the end of the warm-up and the end of arrivals.
 */

import type { NoteWork } from './running-step.js'
import type { Counts, Outcome, RequestRecord, StepRecord, Watcher } from './simulation.js'
import { TimeSeries } from './time-series.js'

/** Seconds without a `ttftS` or `tpotS`: any will do. */
export type Slo = { readonly ttftS?: number; readonly tpotS?: number }

export type CollectorOptions = {
  readonly warmupS: number
  /** Arrivals end here. */
  readonly durationS: number
  readonly domains: number
  readonly slo: Slo
  /** Stretches of the series. */
  readonly stretches: number
}

/** Sums within the window; `ended` and `good` are of requests that arrived within it. */
export type Sums = Record<Outcome | 'arrived' | 'ended' | 'good', number> & {
  inputTokens: number
  cachedTokens: number
  outputTokens: number
  goodTokens: number
  steps: number
  stepS: number
  stepTokens: number
  headS: number
  networkS: number
  sentBytes: number
  receivedBytes: number
  waitingS: number
  runningS: number
  readonly domainS: Float64Array
}

export class Collector implements Watcher {
  readonly options: CollectorOptions
  readonly sums: Sums
  /** Of requests that arrived within the window and finished; in seconds. */
  readonly ttft: number[] = []
  readonly tpot: number[] = []
  readonly endToEnd: number[] = []
  readonly queued: number[] = []
  readonly series: Readonly<
    Record<'waiting' | 'running' | 'output' | 'input' | 'head' | 'failed' | 'rejected', TimeSeries>
  >
  #last: Counts | undefined
  #lastS = 0

  constructor(options: CollectorOptions) {
    const { durationS, stretches, domains } = options
    const series = (): TimeSeries => new TimeSeries(durationS, stretches)
    this.options = options
    this.sums = emptySums(domains)
    this.series = {
      waiting: series(),
      running: series(),
      output: series(),
      input: series(),
      head: series(),
      failed: series(),
      rejected: series(),
    }
  }

  readonly worked: NoteWork = (cost, { share, fromS, toS }) => {
    const { sums, series } = this
    series.head.add(share * cost.headS, { fromS, toS })
    const part = share * this.#within(fromS, toS)
    sums.headS += part * cost.headS
    sums.networkS += part * cost.networkS
    sums.sentBytes += part * cost.sentBytes
    sums.receivedBytes += part * cost.receivedBytes
    for (let domain = 0; domain < sums.domainS.length; domain++) {
      const seconds = part * (cost.domainS[domain] ?? 0)
      sums.domainS[domain] = (sums.domainS[domain] ?? 0) + seconds
    }
  }

  requestEnded(record: RequestRecord): void {
    const { outcome, endedS } = record
    if (outcome !== 'finished') this.series[outcome].add(1, { fromS: endedS, toS: endedS })
    if (this.#isMeasured(endedS)) this.sums[outcome]++
    if (!this.#isMeasured(record.arrivalS)) return
    this.sums.ended++
    if (outcome === 'finished') this.#time(record)
  }

  stepEnded({ shape, beganS: fromS, endedS: toS, generated }: StepRecord): void {
    const { prefillTokens, decodeSequences } = shape
    this.series.output.add(generated, { fromS, toS })
    this.series.input.add(prefillTokens, { fromS, toS })
    const part = this.#within(fromS, toS)
    const { sums } = this
    sums.steps += part
    sums.stepS += part * (toS - fromS)
    sums.stepTokens += part * (prefillTokens + decodeSequences)
    sums.inputTokens += part * prefillTokens
    sums.outputTokens += part * generated
  }

  counted(counts: Counts, atS: number): void {
    const last = this.#last
    const fromS = this.#lastS
    this.#last = counts
    this.#lastS = atS
    if (this.#isMeasured(atS)) this.sums.arrived += counts.arrived - (last?.arrived ?? 0)
    if (last === undefined || atS === fromS) return
    const waitedS = last.waiting * (atS - fromS)
    const ranS = last.running * (atS - fromS)
    this.series.waiting.add(waitedS, { fromS, toS: atS })
    this.series.running.add(ranS, { fromS, toS: atS })
    const part = this.#within(fromS, atS)
    this.sums.waitingS += part * waitedS
    this.sums.runningS += part * ranS
  }

  #time(record: RequestRecord): void {
    const { arrivalS, admittedS = 0, firstTokenS = 0, endedS, generatedTokens } = record
    const { ttftS = Number.POSITIVE_INFINITY, tpotS = Number.POSITIVE_INFINITY } = this.options.slo
    const ttft = firstTokenS - arrivalS
    const tpot = (endedS - firstTokenS) / Math.max(1, generatedTokens - 1)
    this.ttft.push(ttft)
    if (generatedTokens > 1) this.tpot.push(tpot)
    this.endToEnd.push(endedS - arrivalS)
    this.queued.push(admittedS - arrivalS)
    this.sums.cachedTokens += record.cachedTokens
    if (ttft > ttftS || tpot > tpotS) return
    this.sums.good++
    this.sums.goodTokens += generatedTokens
  }

  #isMeasured(atS: number): boolean {
    return atS >= this.options.warmupS && atS < this.options.durationS
  }

  /** Share of a stretch of time that lies within the window. */
  #within(fromS: number, toS: number): number {
    const { warmupS, durationS } = this.options
    if (fromS >= warmupS && toS <= durationS) return 1
    const withinS = Math.min(toS, durationS) - Math.max(fromS, warmupS)
    return toS > fromS ? Math.max(0, withinS) / (toS - fromS) : 0
  }
}

function emptySums(domains: number): Sums {
  return {
    arrived: 0,
    finished: 0,
    failed: 0,
    rejected: 0,
    ended: 0,
    good: 0,
    inputTokens: 0,
    cachedTokens: 0,
    outputTokens: 0,
    goodTokens: 0,
    steps: 0,
    stepS: 0,
    stepTokens: 0,
    headS: 0,
    networkS: 0,
    sentBytes: 0,
    receivedBytes: 0,
    waitingS: 0,
    runningS: 0,
    domainS: new Float64Array(domains),
  }
}
