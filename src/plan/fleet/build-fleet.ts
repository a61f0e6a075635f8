/**
 * Makes a fleet of a fleet file: finds its cards, fills in what it leaves out, and keeps a list of
 * what was filled in. Knows nothing of where files are.
 */
import { SputnikError } from '../../base/errors.js'
import type { Card } from '../catalog/card.js'
import { findCard } from '../catalog/catalogue.js'
import { fieldName, invalid } from '../plan-file.js'
import { DEFAULT_ECONOMICS, DEFAULT_HOST, DEFAULT_SWITCH } from './defaults.js'
import {
  type CardGroup,
  countHosts,
  type Economics,
  type Fleet,
  type Host,
  type Switch,
} from './fleet.js'
import type { CardSection, FleetFile, HostSection } from './fleet-file.js'
import { WIRE_BYTES, type WireFormat } from './wire-format.js'

/** A field that the file left out and what stands for it. */
export type Assumption = { readonly field: string; readonly text: string }

export type BuiltFleet = { readonly fleet: Fleet; readonly assumed: readonly Assumption[] }

export type BuildOptions = {
  /** Named in errors. */
  readonly source: string
  /** What `sputnik bench --json` measured, from the file that a card names. */
  readonly readBench: (bench: NonNullable<CardSection['bench']>) => CardGroup['measured']
}

/** @throws SputnikError PLAN_INVALID, CARD_UNKNOWN, and those of reading a bench */
export function buildFleet(file: FleetFile, options: BuildOptions): BuiltFleet {
  const builder = new FleetBuilder(options)
  const fleet = builder.build(file)
  return { fleet, assumed: builder.assumed }
}

class FleetBuilder {
  readonly assumed: Assumption[] = []
  readonly #options: BuildOptions

  constructor(options: BuildOptions) {
    this.#options = options
  }

  build(file: FleetFile): Fleet {
    const { owned, rent } = file
    if (owned === true && rent !== undefined) {
      throw this.#invalid('rent', 'is given for a fleet that is owned; leave out one of them')
    }
    const head = this.#host(file.head, ['head'])
    const domains = (file.domains ?? []).map((domain, i) => this.#host(domain, ['domains', i]))
    this.#checkCards([head, ...domains])
    const hosts = countHosts(domains)
    const replicas = file.replicas ?? 1
    if (replicas > Math.max(1, hosts)) {
      throw this.#invalid('replicas', `is ${replicas}, but there are only ${hosts} domains`)
    }
    return {
      name: file.name,
      layout: file.layout ?? 'apart',
      head,
      domains,
      switch: this.#switch(file.switch ?? {}),
      replicas,
      dispatchBytesPerValue: this.#wire('dispatch', file.wire?.dispatch),
      combineBytesPerValue: this.#wire('combine', file.wire?.combine),
      economics: this.#economics(file),
      owned: owned ?? rent === undefined,
      ...(rent === undefined ? {} : { hourUsd: rent }),
    }
  }

  #host(section: HostSection, path: readonly PropertyKey[]): Host {
    const at = (field: string): string => `${fieldName(path)}.${field}`
    const or = this.#orDefault.bind(this)
    const { nic, ram, disk, price } = section
    return {
      name: section.name ?? (path[1] === undefined ? 'head' : `domain ${Number(path[1]) + 1}`),
      count: section.count ?? 1,
      cards: (section.cards ?? []).map((card, i) => this.#cardGroup(card, [...path, 'cards', i])),
      nic: {
        bytesPerSecond: nic.speed,
        transportS: or(at('nic.transport'), nic.transport, DEFAULT_HOST.transportS, microseconds),
      },
      ramBytes: or(at('ram'), ram?.size, DEFAULT_HOST.ramBytes, gigabytes),
      ramBytesPerSecond: or(at('ram.speed'), ram?.speed, DEFAULT_HOST.ramBytesPerSecond, speed),
      diskBytes: or(at('disk'), disk?.size, DEFAULT_HOST.diskBytes, gigabytes),
      diskBytesPerSecond: or(at('disk.speed'), disk?.speed, DEFAULT_HOST.diskBytesPerSecond, speed),
      powerW: or(at('power'), section.power, DEFAULT_HOST.powerW, watts),
      ...(price === undefined ? {} : { priceUsd: price }),
    }
  }

  #cardGroup(section: CardSection, path: readonly PropertyKey[]): CardGroup {
    const { bench, measured, price } = section
    if (bench !== undefined && measured !== undefined) {
      throw this.#invalid(fieldName(path), 'has both bench and measured; leave out one of them')
    }
    const rates = bench === undefined ? given(measured) : this.#options.readBench(bench)
    return {
      card: this.#card(section.card, path),
      count: section.count ?? 1,
      ...(rates === undefined ? {} : { measured: rates }),
      ...(price === undefined ? {} : { priceUsd: price }),
    }
  }

  #card(id: string, path: readonly PropertyKey[]): Card {
    try {
      return findCard(id)
    } catch (error) {
      if (!(error instanceof SputnikError)) throw error
      const text = `${this.#options.source}: ${fieldName(path)}: ${error.message}`
      throw new SputnikError(error.code, text, error.details, error)
    }
  }

  #switch(section: NonNullable<FleetFile['switch']>): Switch {
    const or = this.#orDefault.bind(this)
    const { latencyS, bufferBytes, priceUsd, powerW } = DEFAULT_SWITCH
    return {
      latencyS: or('switch.latency', section.latency, latencyS, microseconds),
      bufferBytes: or('switch.buffer', section.buffer, bufferBytes, megabytes),
      priceUsd: or('switch.price', section.price, priceUsd, dollars),
      powerW: or('switch.power', section.power, powerW, watts),
    }
  }

  #wire(field: 'dispatch' | 'combine', encoding: WireFormat | undefined): number {
    return WIRE_BYTES[this.#orDefault(`wire.${field}`, encoding, 'bf16', String)]
  }

  #economics({ power, economics = {} }: FleetFile): Economics {
    const or = this.#orDefault.bind(this)
    const terms = DEFAULT_ECONOMICS
    const at = (field: string): string => `economics.${field}`
    return {
      powerUsdPerKwh: or('power', power, terms.powerUsdPerKwh, (usd) => `${usd} USD/kWh`),
      colocationUsdPerKwMonth: economics.colocation ?? terms.colocationUsdPerKwMonth,
      years: or(at('years'), economics.years, terms.years, (years) => `${years} years`),
      discountRate: or(at('discount'), economics.discount, terms.discountRate, percent),
      residualShare: or(at('residual'), economics.residual, terms.residualShare, percent),
      maintenanceShare: or(
        at('maintenance'),
        economics.maintenance,
        terms.maintenanceShare,
        percent,
      ),
      pue: or(at('pue'), economics.pue, terms.pue, String),
    }
  }

  #checkCards(hosts: readonly Host[]): void {
    if (hosts.some(({ cards }) => cards.length > 0)) return
    throw this.#invalid('head.cards', 'is empty, and no domain has cards; a fleet needs one')
  }

  #orDefault<T>(
    field: string,
    value: T | undefined,
    standard: NoInfer<T>,
    format: (value: T) => string,
  ): T {
    if (value !== undefined) return value
    this.assumed.push({ field, text: format(standard) })
    return standard
  }

  #invalid(field: string, problem: string) {
    return invalid(this.#options.source, `${field} ${problem}`)
  }
}

function given(measured: CardSection['measured']): CardGroup['measured'] {
  if (measured === undefined) return undefined
  const { flops, bandwidth } = measured
  return {
    ...(flops === undefined ? {} : { flopsPerSecond: flops }),
    ...(bandwidth === undefined ? {} : { bytesPerSecond: bandwidth }),
  }
}

const microseconds = (seconds: number): string => `${Number((seconds * 1e6).toPrecision(6))} us`
const gigabytes = (bytes: number): string => `${bytes / 1e9} GB`
const megabytes = (bytes: number): string => `${bytes / 1e6} MB`
const speed = (bytesPerSecond: number): string => `${bytesPerSecond / 1e9} GB/s`
const watts = (power: number): string => `${power} W`
const dollars = (usd: number): string => `${usd} USD`
const percent = (part: number): string => `${Number((part * 100).toPrecision(6))} %`
