/**
 * The Prometheus metrics of the fleet, by domain and link and never by expert. Knows nothing of
 * where the views come from.
 */
import { Counter, Gauge, type Registry } from 'prom-client'
import type { DomainView, FleetView } from '../engine/protocol.js'

/** Name, help and value of a metric without labels of its own; null: not shown. */
type Row<T> = readonly [name: string, help: string, value: (view: T) => number | null | undefined]

const seconds = (ms: number | null): number | null => (ms === null ? null : ms / 1000)

const OF_FLEET: readonly Row<FleetView>[] = [
  ['epoch', 'Epoch of the page directory', ({ epoch }) => epoch],
  ['replicas', 'Holders that each page should have', ({ replicas }) => replicas],
  ['pages', 'Pages of the model', ({ pages }) => pages],
  ['pages_moving', 'Pages on their way', ({ moving }) => moving],
  ['pages_to_move', 'Pages that do not lie where they should', ({ toMove }) => toMove],
  ['pages_short', 'Pages with too few holders', ({ short }) => short],
  ['pages_orphaned', 'Pages that no domain holds', ({ orphans }) => orphans],
]

const OF_DOMAIN: readonly Row<DomainView>[] = [
  ['ready', '1 while a domain computes', ({ state }) => (state === 'ready' ? 1 : 0)],
  ['pages', 'Pages a domain holds', ({ pages }) => pages],
  ['page_bytes', 'Bytes of its pages', ({ pageBytes }) => pageBytes],
  ['round_trip_seconds', 'Round trip of its link', (view) => seconds(view.roundTripMs)],
  ['kept_out_seconds', 'Until it may join again', (view) => seconds(view.keptOutMs)],
]

const COUNTS_OF_DOMAIN: readonly Row<DomainView>[] = [
  ['expert_calls_total', 'Experts computed', ({ expertCalls }) => expertCalls],
  ['hedges_total', 'Dispatches that others were asked for too', ({ hedges }) => hedges],
  ['late_replies_total', 'Replies that nobody needed any more', ({ late }) => late],
  ['losses_total', 'How often it was lost', ({ losses }) => losses],
  ['bad_pages_total', 'Pages whose bytes did not have their hash', ({ badPages }) => badPages],
  ['fetched_bytes_total', 'Bytes of pages it fetched', ({ fetchedBytes }) => fetchedBytes],
]

const DOMAIN = ['domain', 'name']

type Metric = Gauge | Counter
type Shown<T> = { readonly metric: Metric; readonly value: Row<T>[2] }

export class FleetMetrics {
  readonly #all: Metric[] = []
  readonly #registry: Registry
  readonly #ofFleet: readonly Shown<FleetView>[]
  readonly #ofDomain: readonly Shown<DomainView>[]
  readonly #states: Metric
  readonly #tierBytes: Metric
  readonly #reply: Metric
  readonly #linkBytes: Metric

  constructor(registry: Registry) {
    this.#registry = registry
    this.#ofFleet = OF_FLEET.map((row) => this.#show(row, { metric: Gauge, prefix: 'fleet' }))
    this.#ofDomain = [
      ...OF_DOMAIN.map((row) => this.#show(row, { metric: Gauge, prefix: 'domain' })),
      ...COUNTS_OF_DOMAIN.map((row) => this.#show(row, { metric: Counter, prefix: 'domain' })),
    ]
    this.#states = this.#make(Gauge, 'fleet_domains', ['state'], 'Domains in a state')
    const tier = [...DOMAIN, 'tier']
    this.#tierBytes = this.#make(Gauge, 'domain_tier_bytes', tier, 'Bytes of its pages by tier')
    const quantile = [...DOMAIN, 'quantile']
    this.#reply = this.#make(
      Gauge,
      'domain_reply_seconds',
      quantile,
      'Dispatch to combine, of late',
    )
    const link = [...DOMAIN, 'direction']
    this.#linkBytes = this.#make(
      Counter,
      'domain_link_bytes_total',
      link,
      'Bytes to and from a domain',
    )
  }

  /** What is not in `fleet` is not shown either: a domain that left leaves no line. */
  set(fleet: FleetView | null): void {
    for (const metric of this.#all) metric.reset()
    if (fleet === null) return
    for (const { metric, value } of this.#ofFleet) metric.inc(value(fleet) ?? 0)
    for (const domain of fleet.domains) this.#setDomain(domain)
  }

  #setDomain(view: DomainView): void {
    const labels = { domain: String(view.id), name: view.name }
    this.#states.inc({ state: view.state })
    for (const { metric, value } of this.#ofDomain) {
      const number = value(view) ?? null
      if (number !== null) metric.inc(labels, number)
    }
    for (const [tier, bytes] of Object.entries(view.tierBytes)) {
      this.#tierBytes.inc({ ...labels, tier }, bytes)
    }
    this.#linkBytes.inc({ ...labels, direction: 'sent' }, view.bytesSent)
    this.#linkBytes.inc({ ...labels, direction: 'received' }, view.bytesReceived)
    if (view.replyMs === null) return
    this.#reply.inc({ ...labels, quantile: '0.5' }, view.replyMs.p50 / 1000)
    this.#reply.inc({ ...labels, quantile: '0.99' }, view.replyMs.p99 / 1000)
  }

  #show<T>(
    [name, help, value]: Row<T>,
    { metric, prefix }: { metric: typeof Gauge | typeof Counter; prefix: 'fleet' | 'domain' },
  ): Shown<T> {
    const labels = prefix === 'domain' ? DOMAIN : []
    return { metric: this.#make(metric, `${prefix}_${name}`, labels, help), value }
  }

  #make(kind: typeof Gauge | typeof Counter, name: string, labelNames: string[], help: string) {
    const options = { name: `sputnik_${name}`, help, labelNames, registers: [this.#registry] }
    const metric: Metric = kind === Gauge ? new Gauge(options) : new Counter(options)
    this.#all.push(metric)
    return metric
  }
}
