/**
 * The Prometheus metrics of the server and of the engine's statistics. Never labelled by expert,
 * user or text. Knows nothing of routes.
 */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { CardStats, EngineStats, ExpertsView, Usage } from '../engine/protocol.js'
import { FleetMetrics } from './fleet-metrics.js'
import { LayerMetrics } from './layer-metrics.js'
import type { SequenceMeter, SequenceTimes } from './sequence-group.js'

const LATENCY_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]
const TPOT_BUCKETS = [0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.5, 1, 2, 5]
const LAG_RESOLUTION_MS = 20
const NANOSECONDS = 1e9

export type RejectReason = 'queue_full' | 'not_ready' | 'unauthorized' | 'invalid'

/** Undefined while no engine answers. */
export type EngineTold = {
  readonly stats: EngineStats | undefined
  /** Undefined too where no directory says who holds them. */
  readonly experts: ExpertsView | undefined
}

export class ServerMetrics implements SequenceMeter {
  readonly #registry = new Registry()
  readonly #lag: IntervalHistogram = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS })
  readonly #generated = this.#counter('tokens_generated_total', 'Tokens generated')
  readonly #prompt = this.#counter('prompt_tokens_total', 'Tokens of prompts')
  readonly #prefixHit = this.#counter('prefix_hit_tokens_total', 'Prompt tokens found in the cache')
  readonly #cancelled = this.#counter('cancelled_total', 'Requests whose client went away')
  readonly #rejected = this.#counter('rejected_total', 'Requests refused', ['reason'])
  readonly #http = this.#counter('http_requests_total', 'HTTP requests', ['route', 'status'])
  readonly #ttft = this.#histogram('ttft_seconds', 'Arrival to first token', LATENCY_BUCKETS)
  readonly #tpot = this.#histogram('tpot_seconds', 'Mean time per later token', TPOT_BUCKETS)
  readonly #e2e = this.#histogram('e2e_seconds', 'Arrival to last token', LATENCY_BUCKETS)
  readonly #queue = this.#histogram('queue_seconds', 'Wait for a slot', LATENCY_BUCKETS)
  readonly #running = this.#gauge('requests_running', 'Sequences in the batch')
  readonly #waiting = this.#gauge('requests_waiting', 'Sequences that wait for a slot')
  readonly #ready = this.#gauge('ready', '1 while requests are served')
  readonly #kvUsage = this.#gauge('kv_usage_ratio', 'Part of the KV cache in use')
  readonly #loopLag = this.#gauge('event_loop_lag_seconds', 'Event loop delay', ['quantile'])
  readonly #steps = this.#counter('steps_total', 'Engine steps')
  readonly #cardPages = this.#gauge('card_pages', 'Pages a card holds', ['card'])
  readonly #cardPageBytes = this.#gauge('card_page_bytes', 'Bytes of its pages', ['card'])
  readonly #cardCalls = this.#counter('expert_calls_total', 'Experts computed', ['card'])
  readonly #cardRestarts = this.#counter('card_restarts_total', 'Card restarts', ['card'])
  readonly #linkBytes = this.#counter('link_bytes_total', 'Bytes to and from a card', [
    'card',
    'direction',
  ])

  readonly #fleet = new FleetMetrics(this.#registry)
  readonly #layers = new LayerMetrics(this.#registry)

  constructor() {
    collectDefaultMetrics({ register: this.#registry })
    this.#lag.enable()
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  firstToken(ttftMs: number): void {
    this.#ttft.observe(ttftMs / 1000)
  }

  tokens(count: number): void {
    this.#generated.inc(count)
  }

  started(promptTokens: number, cachedTokens: number): void {
    this.#prompt.inc(promptTokens)
    this.#prefixHit.inc(cachedTokens)
  }

  finished(times: SequenceTimes, usage: Usage): void {
    this.#e2e.observe(times.e2eMs / 1000)
    this.#queue.observe(usage.timings.queued)
    const later = usage.completionTokens - 1
    if (later > 0) this.#tpot.observe(times.decodeMs / 1000 / later)
  }

  cancelled(): void {
    this.#cancelled.inc()
  }

  rejected(reason: RejectReason): void {
    this.#rejected.inc({ reason })
  }

  answered(route: string, status: number): void {
    this.#http.inc({ route, status })
  }

  /** The text for Prometheus. What the engine did not tell stays as it was. */
  async render(isReady: boolean, { stats, experts }: EngineTold): Promise<string> {
    this.#ready.set(isReady ? 1 : 0)
    this.#setLag()
    this.#setEngine(stats)
    if (experts !== undefined) this.#layers.set(experts)
    return await this.#registry.metrics()
  }

  close(): void {
    this.#lag.disable()
    this.#registry.clear()
  }

  #setLag(): void {
    for (const quantile of ['0.5', '0.99', '0.999']) {
      const seconds = this.#lag.percentile(Number(quantile) * 100) / NANOSECONDS
      this.#loopLag.set({ quantile }, seconds)
    }
    this.#lag.reset()
  }

  #setEngine(stats: EngineStats | undefined): void {
    this.#running.set(stats?.running ?? 0)
    this.#waiting.set(stats?.waiting ?? 0)
    if (stats === undefined) return
    this.#kvUsage.set(stats.kvTotalTokens === 0 ? 0 : stats.kvUsedTokens / stats.kvTotalTokens)
    setTotal(this.#steps, {}, stats.steps)
    this.#fleet.set(stats.fleet)
    for (const card of stats.cards) this.#setCard(card)
  }

  #setCard(stats: CardStats): void {
    const card = String(stats.id)
    this.#cardPages.set({ card }, stats.pages)
    this.#cardPageBytes.set({ card }, stats.pageBytes)
    setTotal(this.#cardCalls, { card }, stats.expertCalls)
    setTotal(this.#cardRestarts, { card }, stats.restarts)
    setTotal(this.#linkBytes, { card, direction: 'sent' }, stats.bytesSent)
    setTotal(this.#linkBytes, { card, direction: 'received' }, stats.bytesReceived)
  }

  #counter(name: string, help: string, labelNames: string[] = []): Counter {
    return new Counter({ name: `sputnik_${name}`, help, labelNames, registers: [this.#registry] })
  }

  #gauge(name: string, help: string, labelNames: string[] = []): Gauge {
    return new Gauge({ name: `sputnik_${name}`, help, labelNames, registers: [this.#registry] })
  }

  #histogram(name: string, help: string, buckets: number[]): Histogram {
    return new Histogram({ name: `sputnik_${name}`, help, buckets, registers: [this.#registry] })
  }
}

/** A counter that another process keeps. */
function setTotal(counter: Counter, labels: Record<string, string>, total: number): void {
  counter.remove(labels)
  counter.inc(labels, total)
}
