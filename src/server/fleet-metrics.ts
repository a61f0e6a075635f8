/**
 * The Prometheus metrics of the fleet, by domain and link and never by expert. Knows nothing of
 * where the views come from.
 */
import { Counter, Gauge, type Registry } from 'prom-client'
import type { DomainView, FleetView } from '../engine/protocol.js'

const DOMAIN = ['domain', 'name']
const LINK = [...DOMAIN, 'direction']
const MS_PER_SECOND = 1000

export class FleetMetrics {
  readonly #epoch: Gauge
  readonly #moving: Gauge
  readonly #orphans: Gauge
  readonly #domains: Gauge
  readonly #ready: Gauge
  readonly #pages: Gauge
  readonly #pageBytes: Gauge
  readonly #roundTrip: Gauge
  readonly #calls: Counter
  readonly #linkBytes: Counter

  constructor(registry: Registry) {
    const gauge = (name: string, help: string, labelNames: string[] = []): Gauge =>
      new Gauge({ name: `sputnik_${name}`, help, labelNames, registers: [registry] })
    const counter = (name: string, help: string, labelNames: string[]): Counter =>
      new Counter({ name: `sputnik_${name}`, help, labelNames, registers: [registry] })
    this.#epoch = gauge('fleet_epoch', 'Epoch of the page directory')
    this.#moving = gauge('fleet_pages_moving', 'Pages on their way')
    this.#orphans = gauge('fleet_pages_orphaned', 'Pages that no domain holds')
    this.#domains = gauge('fleet_domains', 'Domains in a state', ['state'])
    this.#ready = gauge('domain_ready', '1 while a domain computes', DOMAIN)
    this.#pages = gauge('domain_pages', 'Pages a domain holds', DOMAIN)
    this.#pageBytes = gauge('domain_page_bytes', 'Bytes of its pages', DOMAIN)
    this.#roundTrip = gauge('domain_round_trip_seconds', 'Round trip of its link', DOMAIN)
    this.#calls = counter('domain_expert_calls_total', 'Experts computed', DOMAIN)
    this.#linkBytes = counter('domain_link_bytes_total', 'Bytes to and from a domain', LINK)
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
}
