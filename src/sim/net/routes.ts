/**
 * Which port leads on: for every switch and destination the ports of all shortest paths, and among
 * those the one a packet's path number says. Each tier takes its own digit of that number, so that
 * the numbers from 0 on visit all combinations once. Knows nothing of loads.
 */
import { assert } from '../../base/assert.js'
import type { Topology } from './topology.js'

/** Port 2i leads from `a` to `b` of link i, port 2i + 1 back. */
export class Routes {
  readonly #hosts: number
  /** By switch and destination: a group of ports. */
  readonly #groupOf: Int32Array
  /** Ports of all groups, one after the other. */
  readonly #starts: Int32Array
  readonly #sizes: Int32Array
  readonly #ports: Int32Array
  /** By switch: the path number counts whole rounds of the tiers below. */
  readonly #strides: Int32Array
  /** By host: the port of its NIC. */
  readonly #nics: Int32Array
  /** Path numbers that differ. */
  readonly paths: number

  constructor(topology: Topology) {
    this.#hosts = topology.hosts
    const nodes = topology.hosts + topology.switches
    const exits = exitsOf(topology, nodes)
    this.#nics = nicsOf(topology, exits)
    const groups = new Groups()
    this.#groupOf = new Int32Array(topology.switches * topology.hosts).fill(-1)
    for (let host = 0; host < topology.hosts; host++) {
      const distances = distancesTo([host], exits)
      for (let node = topology.hosts; node < nodes; node++) {
        const ports = (exits[node] ?? []).filter(
          ({ to }) => (distances[to] ?? Infinity) + 1 === distances[node],
        )
        if (ports.length === 0) continue
        const index = (node - topology.hosts) * topology.hosts + host
        this.#groupOf[index] = groups.indexOf(ports.map(({ port }) => port))
      }
    }
    this.#starts = Int32Array.from(groups.starts)
    this.#sizes = Int32Array.from(groups.sizes)
    this.#ports = Int32Array.from(groups.ports)
    const tiers = tiersOf(topology, exits)
    const fans = this.#fansOf(tiers)
    const strideOf = (tier: number): number => fans.slice(0, tier).reduce((a, b) => a * b, 1)
    this.#strides = Int32Array.from(tiers, strideOf)
    this.paths = strideOf(fans.length)
  }

  nicOf(host: number): number {
    return this.#nics[host] ?? -1
  }

  /** -1 when nothing leads from that switch to that host. */
  portOf(switchNode: number, destination: number, path: number): number {
    const at = switchNode - this.#hosts
    const group = this.#groupOf[at * this.#hosts + destination] ?? -1
    if (group < 0) return -1
    const size = this.#sizes[group] ?? 1
    const start = this.#starts[group] ?? 0
    if (size === 1) return this.#ports[start] ?? -1
    const digit = ((path / (this.#strides[at] ?? 1)) | 0) % size
    return this.#ports[start + digit] ?? -1
  }

  /** Most equal ports that a switch of each tier has. */
  #fansOf(tiers: readonly number[]): number[] {
    const fans: number[] = new Array(Math.max(0, ...tiers) + 1).fill(1)
    for (const [index, group] of this.#groupOf.entries()) {
      const tier = tiers[Math.floor(index / this.#hosts)] ?? 0
      fans[tier] = Math.max(fans[tier] ?? 1, this.#sizes[group] ?? 1)
    }
    return fans
  }
}

type Exit = { readonly port: number; readonly to: number }

/** Groups of ports, each kept once. */
class Groups {
  readonly #known = new Map<string, number>()
  readonly starts: number[] = []
  readonly sizes: number[] = []
  readonly ports: number[] = []

  indexOf(ports: readonly number[]): number {
    const key = ports.join()
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const index = this.starts.length
    this.#known.set(key, index)
    this.starts.push(this.ports.length)
    this.sizes.push(ports.length)
    this.ports.push(...ports)
    return index
  }
}

function exitsOf({ links }: Topology, nodes: number): Exit[][] {
  const exits: Exit[][] = Array.from({ length: nodes }, () => [])
  for (const [i, { a, b }] of links.entries()) {
    exits[a]?.push({ port: 2 * i, to: b })
    exits[b]?.push({ port: 2 * i + 1, to: a })
  }
  return exits
}

function nicsOf({ hosts }: Topology, exits: readonly Exit[][]): Int32Array {
  return Int32Array.from({ length: hosts }, (_, host) => {
    const [nic, ...others] = exits[host] ?? []
    assert(nic !== undefined && others.length === 0, `host ${host} has exactly one link`)
    return nic.port
  })
}

/** By switch: hops to the next host, less one. */
function tiersOf({ hosts }: Topology, exits: readonly Exit[][]): number[] {
  const all = Array.from({ length: hosts }, (_, host) => host)
  const distances = distancesTo(all, exits)
  return Array.from(distances.subarray(hosts), (distance) => Math.max(0, distance - 1))
}

/**
 * Hops from every node to the nearest of some hosts; -1 where no path leads to one. No path leads
 * through another host, since a host has one link.
 */
function distancesTo(targets: readonly number[], exits: readonly Exit[][]): Int32Array {
  const distances = new Int32Array(exits.length).fill(-1)
  for (const host of targets) distances[host] = 0
  const queue = [...targets]
  for (const node of queue) {
    for (const { to } of exits[node] ?? []) {
      if (distances[to] !== -1) continue
      distances[to] = (distances[node] ?? 0) + 1
      queue.push(to)
    }
  }
  return distances
}
