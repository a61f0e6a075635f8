/**
 * The fleets of a space, in groups: those of a group differ in network ports only, so that what the
 * fastest ports allow and the slowest cost bounds all of them.
 */

import type { NicOffer } from '../economics/nic-prices.js'
import { priceToBuy } from '../economics/price-of.js'
import { DEFAULT_HOST } from '../fleet/defaults.js'
import { type CardGroup, countHosts, type Fleet, type Host } from '../fleet/fleet.js'
import { AS_IT_IS, type SearchSpace, type Variant } from './space.js'

export type Ports = { readonly head: NicOffer; readonly domains: NicOffer }

/** Ports with the same speed at the domains, from the fastest head on. Never empty. */
export type Row = readonly Ports[]

export type Group = {
  /** Of its first fleet, when all fleets of the space are counted. */
  readonly index: number
  readonly variant: Variant
  readonly head: Host
  readonly domains: readonly Host[]
  readonly replicas: number
  readonly rows: readonly Row[]
}

/** The fastest row first. The head's port is never the slower one: it talks to all domains. */
export function rowsOf(nics: readonly NicOffer[]): Row[] {
  const fastestFirst = [...nics].sort((a, b) => b.bytesPerSecond - a.bytesPerSecond)
  return fastestFirst.map((domains, at) =>
    fastestFirst.slice(0, at + 1).map((head) => ({ head, domains })),
  )
}

/** All fleets of a space, each in one group. */
export function groupsOf(space: SearchSpace): Group[] {
  const rows = rowsOf(space.nics)
  // A lone head has no use for a network, nor for a second copy.
  const loneRows = rows.slice(-1).map((row) => row.slice(-1))
  const heads = space.heads.map((choice) => hostOf(space, choice))
  const mixes = mixesOf(space)
  const groups: Group[] = []
  let index = 0
  for (const variant of space.variants) {
    for (const head of heads) {
      for (const domains of mixes) {
        for (const replicas of space.replicas) {
          if (replicas > Math.max(1, countHosts(domains))) continue
          const own = domains.length === 0 ? loneRows : rows
          groups.push({ index, variant, head, domains, replicas, rows: own })
          index += countPorts(own)
        }
      }
    }
  }
  return groups
}

export function countFleets(groups: readonly Group[]): number {
  return groups.reduce((sum, { rows }) => sum + countPorts(rows), 0)
}

function countPorts(rows: readonly Row[]): number {
  return rows.reduce((sum, row) => sum + row.length, 0)
}

/** No domain, one kind, and two kinds with as many cards to a host. */
function mixesOf(space: SearchSpace): Host[][] {
  const { cards, cardsPerHost, hosts } = space
  const mixes: Host[][] = [[]]
  for (const count of cardsPerHost) {
    const kinds = cards.map((card) =>
      hosts.map((many) => ({ ...hostOf(space, { card, count }), count: many })),
    )
    kinds.forEach((kind, at) => {
      for (const one of kind) mixes.push([one])
      for (const other of kinds.slice(at + 1)) {
        for (const one of kind) for (const two of other) mixes.push([one, two])
      }
    })
  }
  return mixes
}

function hostOf(space: SearchSpace, { card, count }: Pick<CardGroup, 'card' | 'count'>): Host {
  const { frame, owned } = space
  return {
    name: card.id,
    count: 1,
    cards: [{ card, count, ...(owned && { priceUsd: priceToBuy(card).value }) }],
    nic: { bytesPerSecond: 0, transportS: DEFAULT_HOST.transportS },
    ramBytes: frame.ramBytes,
    ramBytesPerSecond: DEFAULT_HOST.ramBytesPerSecond,
    diskBytes: 0,
    diskBytesPerSecond: DEFAULT_HOST.diskBytesPerSecond,
    powerW: frame.baseW + frame.cardW * count,
    priceUsd: frame.baseUsd + frame.cardUsd * count,
  }
}

export function fleetOf(space: SearchSpace, group: Group, ports: Ports): Fleet {
  const { head, domains, replicas } = group
  return {
    name: nameOf(group, ports),
    layout: 'apart',
    head: withNic(head, ports.head),
    domains: domains.map((host) => withNic(host, ports.domains)),
    switch: SWITCH,
    replicas,
    dispatchBytesPerValue: space.dispatchBytesPerValue,
    combineBytesPerValue: space.combineBytesPerValue,
    economics: space.economics,
    owned: space.owned,
  }
}

/** Its price is in that of the ports. */
const SWITCH = { latencyS: 1e-6, bufferBytes: 4e6, priceUsd: 0, powerW: 0 } as const

function withNic(host: Host, { bytesPerSecond, watts }: NicOffer): Host {
  const { transportS } = host.nic
  return { ...host, nic: { bytesPerSecond, transportS }, powerW: host.powerW + watts }
}

/** `2 x rtx-5090 + 4 hosts of 2 x rtx-3090, 100 GbE and 25 GbE, 2 replicas, bf16/mxfp4`. */
function nameOf({ variant, head, domains, replicas }: Group, ports: Ports): string {
  const cards = ({ cards: [group] }: Host): string =>
    group === undefined ? 'none' : `${group.count} x ${group.card.id}`
  const format = variant.format === AS_IT_IS ? '' : `, ${variant.format}`
  if (domains.length === 0) return cards(head) + format
  const hosts = domains
    .map((host) => `${host.count} ${host.count === 1 ? 'host' : 'hosts'} of ${cards(host)}`)
    .join(' + ')
  const copies = replicas === 1 ? '' : `, ${replicas} replicas`
  return `${cards(head)} + ${hosts}, ${ports.head.name} and ${ports.domains.name}${copies}${format}`
}
