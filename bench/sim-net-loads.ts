/** Loads for the network simulator, and how fast it gets through them. */
import { Prng } from '../src/base/prng.js'
import type { EventQueue } from '../src/sim/net/event-queue.js'
import { fixedWindow } from '../src/sim/net/fixed-window.js'
import { PacketNetwork, type PacketNetworkOptions } from '../src/sim/net/packet-network.js'
import { fatTree } from '../src/sim/net/topology.js'
import { now } from './support.js'

const GBIT = 125e6
const TERMS = { bytesPerSecond: 100 * GBIT, propagationS: 500e-9, switchLatencyS: 400e-9 }
/** 432 hosts. */
const K = 12
const PAYLOAD_BYTES = 4096

export type Speed = {
  readonly millionPerSecond: number
  readonly transmissions: number
  readonly eventsPerTransmission: number
  readonly seconds: number
  readonly packetsPeak: number
  readonly hash: string
}

/** Every host sends to another one, none to the same, packets over all paths. */
export function permutation(queue?: EventQueue, packets = 200): Speed {
  const network = create({ queue, window: 40 })
  const { hosts } = network
  const random = Prng.fromSeed(7)
  const order = Array.from({ length: hosts }, (_, host) => host)
  for (let i = hosts - 1; i > 0; i--) {
    const j = random.nextBelow(i)
    ;[order[i], order[j]] = [order[j] ?? 0, order[i] ?? 0]
  }
  for (let host = 0; host < hosts; host++) {
    const bytes = packets * PAYLOAD_BYTES
    network.addFlow({ source: host, destination: order[host] ?? 0, bytes, startPs: 0 })
  }
  return timed(network)
}

/** Others send to host 0 at once, a packet at a time each. */
export function incast(senders: number, packets: number): Speed {
  const network = create({ window: 1, queue: undefined })
  for (let host = 1; host <= senders; host++) {
    network.addFlow({ source: host, destination: 0, bytes: packets * PAYLOAD_BYTES, startPs: 0 })
  }
  return timed(network)
}

function create({ queue, window }: { queue: EventQueue | undefined; window: number }) {
  const transport = fixedWindow({ payloadBytes: PAYLOAD_BYTES, window, timeoutPs: 1e12 })
  const options: PacketNetworkOptions = {
    topology: fatTree({ k: K, ...TERMS }),
    switches: { bufferBytes: 4e6 },
    transport,
    multipath: 'packet',
    seed: 1,
  }
  return new PacketNetwork(queue === undefined ? options : { ...options, queue })
}

function timed(network: PacketNetwork): Speed {
  const startMs = now()
  network.run()
  const seconds = (now() - startMs) / 1000
  const { transmissions } = network.counters
  return {
    millionPerSecond: transmissions / seconds / 1e6,
    transmissions,
    eventsPerTransmission: network.eventCount / transmissions,
    seconds,
    packetsPeak: network.packets.peak,
    hash: network.eventHash,
  }
}
