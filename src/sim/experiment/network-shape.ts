/**
 * The networks that experiments run on: one switch, leaves and spines, or a fat-tree, from few
 * words to the topology. Knows nothing of what is sent.
 */
import { SputnikError } from '../../base/errors.js'
import { fatTree, leafSpine, star, type Topology } from '../net/topology.js'
import { DEFAULTS } from './defaults.js'
import type { Fields } from './fields.js'
import { unfit } from './fit.js'

type Terms = {
  readonly hosts: number
  /** Of each link and direction, but for those from leaves to spines. */
  readonly bytesPerSecond: number
  /** Of each link, with the switch or host at its end. */
  readonly delayS: number
}

export type Network = Terms &
  (
    | { readonly kind: 'star' }
    | {
        readonly kind: 'leaf-spine'
        readonly leaves: number
        readonly spines: number
        readonly uplinkBytesPerSecond: number
      }
    | { readonly kind: 'fat-tree'; readonly k: number }
  )

/** Ports of the largest switches that are easily bought. */
const K_MAX = 24
const LEAVES = 4
const HOSTS = 16

/**
 * `needed`: hosts that the workload must have; as many there are where nobody said a number.
 * @throws SputnikError EXPERIMENT_UNFIT
 */
export function networkOf(fields: Fields, needed = 2): Network {
  const bytesPerSecond = fields.rate ?? DEFAULTS.rate
  const terms = { bytesPerSecond, delayS: fields.delay ?? DEFAULTS.delay }
  const hosts = fields.hosts ?? (needed > 2 ? needed : HOSTS)
  const network = shapeOf(fields, { ...terms, hosts })
  if (network.hosts >= needed) return network
  throw unfit(
    `hosts is ${network.hosts}, but an incast of ${needed - 1} senders needs ${needed}`,
    `give hosts as ${needed} or more, or a workload of fewer senders`,
  )
}

function shapeOf(fields: Fields, terms: Terms): Network {
  const kind = fields.topology ?? 'star'
  if (kind !== 'leaf-spine') refuseLeaves(fields, kind)
  if (kind === 'star') return { ...terms, kind }
  if (kind === 'fat-tree') return fatTreeOf(fields, terms)
  const leaves = fields.leaves ?? LEAVES
  const hosts = fields.hosts ?? Math.ceil(terms.hosts / leaves) * leaves
  if (hosts % leaves !== 0) {
    const near = Math.ceil(hosts / leaves) * leaves
    throw unfit(
      `hosts is ${hosts}, which ${leaves} leaves cannot share equally`,
      `give hosts as ${near}, or another number of leaves`,
    )
  }
  return {
    ...terms,
    kind,
    hosts,
    leaves,
    spines: fields.spines ?? Math.max(1, Math.ceil(hosts / leaves)),
    uplinkBytesPerSecond: fields.uplink ?? terms.bytesPerSecond,
  }
}

function refuseLeaves(fields: Fields, kind: string): void {
  for (const field of ['leaves', 'spines', 'uplink'] as const) {
    if (fields[field] === undefined) continue
    throw unfit(
      `${field} is given, but the topology is ${kind}`,
      `leave ${field} out, or give topology as leaf-spine`,
    )
  }
}

function fatTreeOf(fields: Fields, terms: Terms): Network {
  const sizes = Array.from({ length: K_MAX / 2 }, (_, i) => 2 * (i + 1))
  const k = sizes.find((one) => fatTreeHosts(one) >= terms.hosts)
  const isExact = k !== undefined && fatTreeHosts(k) === terms.hosts
  if (k !== undefined && (isExact || fields.hosts === undefined)) {
    return { ...terms, kind: 'fat-tree', hosts: fatTreeHosts(k), k }
  }
  throw unfit(
    `no fat-tree of equal switches has ${terms.hosts} hosts`,
    `give hosts as one of ${sizes.map(fatTreeHosts).join(', ')}`,
  )
}

function fatTreeHosts(k: number): number {
  return k ** 3 / 4
}

export function topologyOf(network: Network): Topology {
  const { bytesPerSecond, delayS, hosts } = network
  const terms = { bytesPerSecond, propagationS: delayS }
  if (network.kind === 'star') return star({ ...terms, hosts })
  if (network.kind === 'fat-tree') return fatTree({ ...terms, k: network.k })
  const { leaves, spines, uplinkBytesPerSecond } = network
  const hostsPerLeaf = hosts / leaves
  return leafSpine({ ...terms, leaves, spines, hostsPerLeaf, uplinkBytesPerSecond })
}

/** The longest way between two hosts. */
export function pathOf(network: Network): Terms & { readonly links: number } {
  const links = network.kind === 'fat-tree' ? 6 : network.kind === 'star' ? 2 : 4
  return { ...network, links }
}

/** Bytes per second of the slowest link, and of the fastest. */
export function slowestOf(network: Network): number {
  return Math.min(...ratesOf(network))
}

export function fastestOf(network: Network): number {
  return Math.max(...ratesOf(network))
}

function ratesOf(network: Network): readonly number[] {
  const { bytesPerSecond } = network
  if (network.kind !== 'leaf-spine') return [bytesPerSecond]
  return [bytesPerSecond, network.uplinkBytesPerSecond]
}

/** Of the switch that has most. */
export function portsOf(network: Network): number {
  if (network.kind === 'star') return network.hosts
  if (network.kind === 'fat-tree') return network.k
  return Math.max(network.hosts / network.leaves + network.spines, network.leaves)
}

/** Routes are looked for from every host over every link, in some seconds. */
const SEARCH_MAX = 5e7

/** @throws SputnikError SIM_TOO_LARGE */
export function refuseLargeNetwork(network: Network): void {
  const { hosts } = network
  const links = linksOf(network)
  if (hosts * links <= SEARCH_MAX) return
  throw new SputnikError('SIM_TOO_LARGE', `a network of ${hosts} hosts and ${links} links`)
}

function linksOf(network: Network): number {
  const { hosts } = network
  if (network.kind === 'star') return hosts
  return network.kind === 'fat-tree' ? 3 * hosts : hosts + network.leaves * network.spines
}

/** As people say it. */
export function describeNetwork(network: Network): string {
  if (network.kind === 'star') return `star of ${network.hosts} hosts`
  if (network.kind === 'fat-tree') return `fat-tree of ${network.hosts} hosts`
  return `${network.hosts} hosts at ${network.leaves} leaves and ${network.spines} spines`
}
