/**
 * A network as data: hosts, switches and the cables between them. Hosts are nodes 0 to `hosts` - 1,
 * switches the nodes after. Knows nothing of packets.
 */
import { SputnikError } from '../../base/errors.js'

export type LinkTerms = {
  /** Of each direction. */
  readonly bytesPerSecond: number
  readonly propagationS: number
}

/** Both directions of a cable between two nodes. */
export type Link = LinkTerms & { readonly a: number; readonly b: number }

export type Topology = {
  readonly name: string
  readonly hosts: number
  readonly switches: number
  /** Every host has exactly one. */
  readonly links: readonly Link[]
  /** From the last bit of a packet until it stands in the next queue, or is given to the host. */
  readonly switchLatencyS: number
  readonly hostLatencyS: number
}

export type Latencies = { readonly switchLatencyS?: number; readonly hostLatencyS?: number }

export type StarOptions = LinkTerms & Latencies & { readonly hosts: number }

/** All hosts at one switch. */
export function star({ hosts, ...terms }: StarOptions): Topology {
  const links = range(hosts).map((host) => link(host, hosts, terms))
  return topology({ name: `star of ${hosts}`, hosts, switches: 1, links }, terms)
}

export type LeafSpineOptions = LinkTerms &
  Latencies & {
    readonly leaves: number
    readonly spines: number
    readonly hostsPerLeaf: number
    /** Of a cable from a leaf to a spine; absent: as the hosts'. */
    readonly uplinkBytesPerSecond?: number
  }

/** Every leaf is wired to every spine, once. */
export function leafSpine(options: LeafSpineOptions): Topology {
  const { leaves, spines, hostsPerLeaf, uplinkBytesPerSecond, ...terms } = options
  const hosts = leaves * hostsPerLeaf
  const uplink = { ...terms, bytesPerSecond: uplinkBytesPerSecond ?? terms.bytesPerSecond }
  const down = range(hosts).map((host) =>
    link(host, hosts + Math.floor(host / hostsPerLeaf), terms),
  )
  const up = range(leaves).flatMap((leaf) =>
    range(spines).map((spine) => link(hosts + leaf, hosts + leaves + spine, uplink)),
  )
  const name = `${leaves} leaves of ${hostsPerLeaf}, ${spines} spines`
  return topology({ name, hosts, switches: leaves + spines, links: [...down, ...up] }, terms)
}

export type FatTreeOptions = LinkTerms & Latencies & { readonly k: number }

/**
 * Three tiers of switches of k ports (Al-Fares et al., SIGCOMM 2008): k pods of k/2 edge and k/2
 * aggregation switches, (k/2)^2 cores, k^3/4 hosts; k = 12 has 432.
 * @throws SputnikError BAD_PARAM when k is odd
 */
export function fatTree({ k, ...terms }: FatTreeOptions): Topology {
  if (k < 2 || k % 2 !== 0) {
    throw new SputnikError('BAD_PARAM', `a fat-tree of ${k}-port switches: k is even`, {
      param: 'k',
    })
  }
  const half = k / 2
  const hosts = k * half * half
  const [edge, aggregation, core] = [hosts, hosts + k * half, hosts + 2 * k * half]
  const down = range(hosts).map((host) => link(host, edge + Math.floor(host / half), terms))
  const within = range(k * half).flatMap((at) => {
    const pod = Math.floor(at / half)
    return range(half).map((i) => link(edge + at, aggregation + pod * half + i, terms))
  })
  const up = range(k * half).flatMap((at) =>
    range(half).map((i) => link(aggregation + at, core + (at % half) * half + i, terms)),
  )
  const switches = 2 * k * half + half * half
  const links = [...down, ...within, ...up]
  return topology({ name: `fat-tree of k = ${k}`, hosts, switches, links }, terms)
}

export type ParkingLotOptions = LinkTerms & Latencies & { readonly segments: number }

/**
 * A row of switches: host 0 at its beginning, host 1 at its end, and for segment i the hosts
 * 2 + 2i before and 3 + 2i behind it. The classic test of fair shares (Bertsekas and Gallager,
 * Data Networks, section 6.5.2).
 */
export function parkingLot({ segments, ...terms }: ParkingLotOptions): Topology {
  const hosts = 2 + 2 * segments
  const row = range(segments).map((i) => link(hosts + i, hosts + i + 1, terms))
  const sides = range(segments).flatMap((i) => [
    link(2 + 2 * i, hosts + i, terms),
    link(3 + 2 * i, hosts + i + 1, terms),
  ])
  const ends = [link(0, hosts, terms), link(1, hosts + segments, terms)]
  const links = [...ends, ...sides, ...row]
  return topology(
    { name: `parking lot of ${segments}`, hosts, switches: segments + 1, links },
    terms,
  )
}

type Wiring = Pick<Topology, 'name' | 'hosts' | 'switches' | 'links'>

function topology(wiring: Wiring, { switchLatencyS = 0, hostLatencyS = 0 }: Latencies): Topology {
  return { ...wiring, switchLatencyS, hostLatencyS }
}

function link(a: number, b: number, { bytesPerSecond, propagationS }: LinkTerms): Link {
  return { a, b, bytesPerSecond, propagationS }
}

function range(length: number): number[] {
  return Array.from({ length }, (_, i) => i)
}
