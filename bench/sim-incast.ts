/**
 * NDP on a fat-tree of 432 hosts, set up as in its paper (10 Gb/s, 9 kB packets, queues of 8, a
 * first window of 23): incast of 450 kB from 8 to all others at once (figure 16), and a permutation
 * (figure 14).
 */
import { Prng } from '../src/base/prng.js'
import { permutation } from '../src/sim/moe/patterns.js'
import { HEADER_BYTES } from '../src/sim/net/packet.js'
import { PacketNetwork } from '../src/sim/net/packet-network.js'
import { fatTree } from '../src/sim/net/topology.js'
import { ndp } from '../src/sim/transport/ndp.js'
import { type Benchmark, judge, type Row, type Section } from './report.js'
import { now } from './support.js'

const SENDERS = [8, 16, 32, 64, 128, 256, 431]
const SECONDS_MAX = 60
/** Last flow over the time the last link needs for all payload and headers. */
const OVERHEAD_MAX = 1.1
const TERMS = { bytesPerSecond: 1.25e9, propagationS: 1e-6 }
const PACKET_BYTES = 9000
const PAYLOAD_BYTES = PACKET_BYTES - HEADER_BYTES
const PACKETS = 50
/** Headers, acknowledgements and pulls of the flow in return take 2 %. */
const USED_MIN = 0.9
const MEASURED_S = 3e-3

export const simIncast: Benchmark = {
  name: 'sim-incast',
  about: 'incast on 432 simulated hosts, 8:1 to 431:1, and a permutation, with NDP',
  run: async () => [sweep(), permutations()],
}

function sweep(): Section {
  const startMs = now()
  const rows = SENDERS.map(incast)
  const seconds = (now() - startMs) / 1000
  const all = { senders: 'all', 'wall s': seconds, ...judge(seconds, { atMost: SECONDS_MAX }) }
  return { title: 'sim-incast: 450 kB of each sender to host 0', rows: [...rows, all] }
}

function incast(senders: number): Row {
  const startMs = now()
  const network = makeNetwork()
  for (let host = 1; host <= senders; host++) {
    network.addFlow({ source: host, destination: 0, bytes: PACKETS * PAYLOAD_BYTES, startPs: 0 })
  }
  network.run()
  const { flows, counters } = network
  const finished = [...flows.finishedPs.subarray(0, flows.count)]
  const bestPs = (senders * PACKETS * PACKET_BYTES * 1e12) / TERMS.bytesPerSecond
  const lastPs = Math.max(...finished)
  return {
    senders,
    'first ms': Math.min(...finished) / 1e9,
    'last ms': lastPs / 1e9,
    'last / line rate': lastPs / bestPs,
    trimmed: counters.trimmedPackets,
    returned: counters.returnedPackets,
    dropped: counters.droppedPackets,
    transmissions: counters.transmissions,
    'wall s': (now() - startMs) / 1000,
    ...judge(lastPs / bestPs, { atMost: OVERHEAD_MAX }),
  }
}

function makeNetwork(): PacketNetwork {
  return new PacketNetwork({
    topology: fatTree({ k: 12, ...TERMS }),
    switches: {
      bufferBytes: 8 * PACKET_BYTES,
      trim: { urgentBytes: 8 * PACKET_BYTES, isReturning: true },
    },
    transport: ndp({ payloadBytes: PAYLOAD_BYTES, initialWindow: 23 }),
    multipath: 'packet',
    seed: 1,
  })
}

/** Endless flows, looked at after the first millisecond. */
function permutations(): Section {
  const startMs = now()
  const network = makeNetwork()
  for (const { from, to, bytes } of permutation(network.hosts, 1e12, Prng.fromSeed(1))) {
    network.addFlow({ source: from, destination: to, bytes, startPs: 0 })
  }
  const deliveredUntil = (ps: number): number[] => {
    network.run({ untilPs: ps })
    return [...network.flows.deliveredBytes.subarray(0, network.hosts)]
  }
  const before = deliveredUntil(1e9)
  const after = deliveredUntil(1e9 + 1e12 * MEASURED_S)
  const linkBytes = TERMS.bytesPerSecond * MEASURED_S
  const used = after.map((bytes, at) => (bytes - (before[at] ?? 0)) / linkBytes)
  const mean = used.reduce((sum, share) => sum + share, 0) / used.length
  const row = {
    hosts: network.hosts,
    'payload of a link': mean,
    least: Math.min(...used),
    most: Math.max(...used),
    trimmed: network.counters.trimmedPackets,
    transmissions: network.counters.transmissions,
    'wall s': (now() - startMs) / 1000,
    ...judge(mean, { atLeast: USED_MIN }),
  }
  return { title: 'sim-incast: a permutation of endless flows', rows: [row] }
}
