/**
 * The Prometheus metrics of the fleet, by domain and link and never by expert. Knows nothing of
 * where the views come from.
 */
import { Counter, Gauge, type Registry } from 'prom-client'
import type { DomainView, FleetView } from '../engine/protocol.js'

const DOMAIN = ['domain', 'name']
const MS_PER_SECOND = 1000

export class FleetMetrics {
  readonly #registry: Registry
  readonly #epoch = this.#gauge('fleet_epoch', 'Epoch of the page directory')
  readonly #moving = this.#gauge('fleet_pages_moving', 'Pages on their way')
  readonly #orphans = this.#gauge('fleet_pages_orphaned', 'Pages that no domain holds')
  readonly #domains = this.#gauge('fleet_domains', 'Domains in a state', ['state'])
  readonly #ready = this.#gauge('domain_ready', '1 while a domain computes', DOMAIN)
  readonly #pages = this.#gauge('domain_pages', 'Pages a domain holds', DOMAIN)
  readonly #pageBytes = this.#gauge('domain_page_bytes', 'Bytes of its pages', DOMAIN)
  readonly #roundTrip = this.#gauge('domain_round_trip_seconds', 'Round trip of its link', DOMAIN)
  readonly #calls = this.#counter('domain_expert_calls_total', 'Experts computed', DOMAIN)
  readonly #linkBytes = this.#counter('domain_link_bytes_total', 'Bytes to and from a domain', [
    ...DOMAIN,
    'direction',
  ])

  constructor(registry: Registry) {
    this.#registry = registry
  }

  /** What is not in `fleet` is not shown either: a domain that left leaves no line. */
  set(fleet: FleetView | null): void {
    for (const metric of this.#byDomain()) metric.reset()
    if (fleet === null) return
    this.#epoch.set(fleet.epoch)
    this.#moving.set(fleet.moving)
    this.#orphans.set(fleet.orphans)
    for (const domain of fleet.domains) this.#setDomain(domain)
  }

  #setDomain(view: DomainView): void {
    const labels = { domain: String(view.id), name: view.name }
    this.#domains.inc({ state: view.state })
    this.#ready.set(labels, view.state === 'ready' ? 1 : 0)
    this.#pages.set(labels, view.pages)
    this.#pageBytes.set(labels, view.pageBytes)
    if (view.roundTripMs !== null) this.#roundTrip.set(labels, view.roundTripMs / MS_PER_SECOND)
    this.#calls.inc(labels, view.expertCalls)
    this.#linkBytes.inc({ ...labels, direction: 'sent' }, view.bytesSent)
    this.#linkBytes.inc({ ...labels, direction: 'received' }, view.bytesReceived)
  }

  #byDomain(): ReadonlyArray<Gauge | Counter> {
    const gauges = [this.#domains, this.#ready, this.#pages, this.#pageBytes, this.#roundTrip]
    return [...gauges, this.#calls, this.#linkBytes]
  }

  #counter(name: string, help: string, labelNames: string[] = []): Counter {
    return new Counter({ name: `sputnik_${name}`, help, labelNames, registers: [this.#registry] })
  }

  #gauge(name: string, help: string, labelNames: string[] = []): Gauge {
    return new Gauge({ name: `sputnik_${name}`, help, labelNames, registers: [this.#registry] })
  }
}
