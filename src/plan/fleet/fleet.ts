/** Machines as a plan sees them, everything in SI units and every default filled in. */
import type { Card } from '../catalog/card.js'
import type { OwnTerms } from '../economics/own-cost.js'

/** `transportS`: one way, of the network card, its driver and the program, beside the wire. */
export type Nic = { readonly bytesPerSecond: number; readonly transportS: number }

/** Cards of one kind within a host. */
export type CardGroup = {
  readonly card: Card
  readonly count: number
  /** Measured by `sputnik bench --json`; it takes the place of the catalogue. */
  readonly measured?: { readonly flopsPerSecond?: number; readonly bytesPerSecond?: number }
  /** Of one card; undefined: as the catalogue has it. */
  readonly priceUsd?: number
}

/** One machine; `count` of them are alike. */
export type Host = {
  readonly name: string
  readonly count: number
  readonly cards: readonly CardGroup[]
  readonly nic: Nic
  readonly ramBytes: number
  readonly ramBytesPerSecond: number
  readonly diskBytes: number
  readonly diskBytesPerSecond: number
  /** Of the host without its cards, under load. */
  readonly powerW: number
  /** Of the host without its cards; undefined: it is there anyway. */
  readonly priceUsd?: number
}

/** Of one of its machines. */
export function hostCards({ cards }: Pick<Host, 'cards'>): number {
  return cards.reduce((sum, { count }) => sum + count, 0)
}

/** Machines, of all kinds together. */
export function countHosts(hosts: readonly Pick<Host, 'count'>[]): number {
  return hosts.reduce((sum, { count }) => sum + count, 0)
}

export type Switch = {
  /** One way through it. */
  readonly latencyS: number
  readonly bufferBytes: number
  readonly priceUsd: number
  readonly powerW: number
}

/**
 * `apart`: the head keeps the trunk, domains the experts. `whole`: every card holds trunk and a
 * share of the experts, as servers of a rack do, and the cards talk over their scale-up link.
 */
export type Layout = 'apart' | 'whole'

/** What owning costs beside prices; how loaded the cards are follows from the workload. */
export type Economics = Omit<OwnTerms, 'load'>

export type Fleet = {
  readonly name: string
  readonly layout: Layout
  /** Holds the trunk and serves users; its cards also may hold experts. One machine. */
  readonly head: Host
  readonly domains: readonly Host[]
  readonly switch: Switch
  readonly replicas: number
  /** Bytes on the wire of one activation: 4 for f32, 2 for bf16, 1.0625 for q8_0. */
  readonly dispatchBytesPerValue: number
  readonly combineBytesPerValue: number
  readonly economics: Economics
  readonly owned: boolean
  /** Dollars of one hour of all of it; undefined: worked out from prices and power. */
  readonly hourUsd?: number
}

/** All of them, those of the head and idle ones too. */
export function fleetCards({ head, domains }: Pick<Fleet, 'head' | 'domains'>): number {
  return [head, ...domains].reduce((sum, host) => sum + host.count * hostCards(host), 0)
}
