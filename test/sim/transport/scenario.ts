/** Small networks with long or equal flows, run to a time or to their end. */
import assert from 'node:assert/strict'
import { PacketNetwork, type Probe } from '../../../src/sim/net/packet-network.js'
import type { SwitchOptions } from '../../../src/sim/net/switch-options.js'
import { PS_PER_S, PS_PER_US } from '../../../src/sim/net/time.js'
import { leafSpine, star, type Topology } from '../../../src/sim/net/topology.js'
import type { TransportFactory } from '../../../src/sim/net/transport.js'
import { checkBooks } from '../net/census.js'

/** 1,500 bytes on the wire. */
export const PACKET = 1500
export const PAYLOAD = PACKET - 64
export const GIGABIT = 1e9 / 8

export type Scenario = {
  readonly topology: Topology
  readonly switches: SwitchOptions
  readonly transport: TransportFactory
  readonly probe?: Probe
}

export function makeNetwork({ topology, switches, transport, probe }: Scenario): PacketNetwork {
  const options = { topology, switches, transport, multipath: 'flow', seed: 1 } as const
  return new PacketNetwork(probe === undefined ? options : { ...options, probe })
}

/**
 * Hosts 0 to n - 1 send, n to 2n - 1 receive, over one slower link in the middle.
 * @param roundTripPs of the idle network, up to serialisation
 */
export function dumbbell(pairs: number, middleRate: number, roundTripPs: number): Topology {
  return leafSpine({
    leaves: 2,
    spines: 1,
    hostsPerLeaf: pairs,
    bytesPerSecond: 10 * middleRate,
    uplinkBytesPerSecond: middleRate,
    propagationS: roundTripPs / 8 / PS_PER_S,
  })
}

/** The port of the slower link in the middle that all flows of a dumbbell wait at. */
export function middlePort(network: PacketNetwork, pairs: number): number {
  return network.routes.portOf(2 * pairs, pairs, 0)
}

export function incastStar(senders: number, rate: number): Topology {
  return star({ hosts: senders + 1, bytesPerSecond: rate, propagationS: 1e-6 })
}

/** n senders, `bytes` each, all at once to the last host: when the last one is done. */
export function runIncast(network: PacketNetwork, bytes: number): number {
  const receiver = network.hosts - 1
  for (let source = 0; source < receiver; source++) {
    network.addFlow({ source, destination: receiver, bytes, startPs: 0 })
  }
  runToEnd(network)
  return Math.max(...network.flows.finishedPs.subarray(0, receiver))
}

/** Runs until all flows are finished, counting every byte on the way. */
export function runToEnd(network: PacketNetwork): void {
  while (!network.isIdle) {
    network.run({ events: 50_000 })
    checkBooks(network)
    assert.ok(network.nowPs < 100 * PS_PER_S, 'the flows end')
  }
  assert.equal(network.flows.finishedCount, network.flows.count)
  assert.equal(network.packets.live, 0)
}

/** Bytes a second that each flow delivers while the clock goes on by `forPs`. */
export function ratesOver(network: PacketNetwork, forPs: number): number[] {
  const { count, deliveredBytes } = network.flows
  const before = deliveredBytes.slice(0, count)
  network.run({ untilPs: network.nowPs + forPs })
  checkBooks(network)
  const after = network.flows.deliveredBytes
  return Array.from(before, (bytes, flow) => ((after[flow] ?? 0) - bytes) / (forPs / PS_PER_S))
}

export function microseconds(us: number): number {
  return us * PS_PER_US
}
