/** What a simulation of serving showed, in numbers; the object that `--json` prints. */
import { quantile } from '../../base/statistics.js'
import type { Collector, Slo } from './collector.js'
import type { ServingSimulation } from './simulation.js'

/** Seconds; null when nothing was measured. */
export type Spread = Readonly<Record<'mean' | 'p50' | 'p90' | 'p99', number | null>>

export type ServingReport = {
  /** False: stopped before its end, and everything here is of the part before. */
  readonly complete: boolean
  readonly seed: number
  /** Equal for two runs only if all their events were. */
  readonly eventHash: string
  readonly events: number
  /** Simulated time from the first request to the last event. */
  readonly simulatedS: number
  /** What is measured: from the end of the warm-up to the end of arrivals. */
  readonly window: { readonly fromS: number; readonly toS: number }
  /** Of the whole run. */
  readonly requests: ServingSimulation['counts']
  readonly latency: Readonly<Record<'queued' | 'ttft' | 'tpot' | 'endToEnd', Spread>>
  readonly throughput: {
    readonly requestsPerSecond: number
    readonly inputTokensPerSecond: number
    readonly outputTokensPerSecond: number
  }
  /** Of requests that arrived within the window; those that failed or were rejected count. */
  readonly goodput: {
    readonly slo: Slo
    readonly share: number | null
    readonly requestsPerSecond: number
    readonly outputTokensPerSecond: number
  }
  /** Mean numbers over time, and of a step. */
  readonly load: {
    readonly waiting: number
    readonly running: number
    readonly tokensPerStep: number
    readonly stepS: number
    readonly cachedShare: number
  }
  /** Shares of the time, 0 to 1. */
  readonly utilisation: {
    readonly step: number
    readonly head: number
    /** Waiting for frames while no domain computes. */
    readonly network: number
    readonly sent: number | null
    readonly received: number | null
    readonly domains: readonly number[]
  }
  /** Of pages, that domains loaded after faults. */
  readonly loadedBytes: number
  readonly series: {
    readonly stretchS: number
    readonly values: Readonly<Record<keyof Collector['series'], readonly number[]>>
  }
}

export type ReportOptions = {
  readonly complete: boolean
  readonly seed: number
  /** Undefined: nothing goes over it. */
  readonly headBytesPerSecond?: number
  readonly loadedBytes?: number
}

export function reportOf(
  simulation: ServingSimulation,
  collector: Collector,
  { complete, seed, headBytesPerSecond, loadedBytes = 0 }: ReportOptions,
): ServingReport {
  const window = windowOf(simulation, collector)
  const spanS = Math.max(Number.MIN_VALUE, window.toS - window.fromS)
  const { sums } = collector
  const portShare = (bytes: number): number | null =>
    headBytesPerSecond === undefined ? null : bytes / spanS / headBytesPerSecond
  return {
    complete,
    seed,
    eventHash: simulation.hash,
    events: simulation.events,
    simulatedS: simulation.nowS,
    window,
    requests: simulation.counts,
    latency: {
      queued: spreadOf(collector.queued),
      ttft: spreadOf(collector.ttft),
      tpot: spreadOf(collector.tpot),
      endToEnd: spreadOf(collector.endToEnd),
    },
    throughput: {
      requestsPerSecond: sums.finished / spanS,
      inputTokensPerSecond: sums.inputTokens / spanS,
      outputTokensPerSecond: sums.outputTokens / spanS,
    },
    goodput: {
      slo: collector.options.slo,
      share: sums.ended === 0 ? null : sums.good / sums.ended,
      requestsPerSecond: sums.good / spanS,
      outputTokensPerSecond: sums.goodTokens / spanS,
    },
    load: {
      waiting: sums.waitingS / spanS,
      running: sums.runningS / spanS,
      tokensPerStep: sums.stepTokens / Math.max(1, sums.steps),
      stepS: sums.stepS / Math.max(1, sums.steps),
      cachedShare: sums.cachedTokens / Math.max(1, sums.cachedTokens + sums.inputTokens),
    },
    utilisation: {
      step: sums.stepS / spanS,
      head: sums.headS / spanS,
      network: sums.networkS / spanS,
      sent: portShare(sums.sentBytes),
      received: portShare(sums.receivedBytes),
      domains: Array.from(sums.domainS, (seconds) => seconds / spanS),
    },
    loadedBytes,
    series: seriesOf(collector),
  }
}

/** A run that was stopped early has measured less. */
function windowOf({ nowS, isDone }: ServingSimulation, { options }: Collector) {
  const toS = isDone ? options.durationS : Math.min(nowS, options.durationS)
  return { fromS: Math.min(options.warmupS, toS), toS }
}

function seriesOf({ series }: Collector): ServingReport['series'] {
  const { waiting, running, output, input, head, failed, rejected } = series
  return {
    stretchS: waiting.stretchS,
    values: {
      waiting: waiting.perSecond,
      running: running.perSecond,
      output: output.perSecond,
      input: input.perSecond,
      head: head.perSecond,
      failed: failed.perSecond,
      rejected: rejected.perSecond,
    },
  }
}

export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) return { mean: null, p50: null, p90: null, p99: null }
  const sorted = [...values].sort((a, b) => a - b)
  return {
    mean: values.reduce((sum, value) => sum + value, 0) / values.length,
    p50: quantile(sorted, 0.5),
    p90: quantile(sorted, 0.9),
    p99: quantile(sorted, 0.99),
  }
}
