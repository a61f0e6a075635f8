/**
 * Incast on a fat-tree of 432 hosts with NDP, from 8 to all others at once: the set-up of figure 16
 * of its paper (10 Gb/s, 9 kB packets, queues of 8, a first window of 23, 450 kB a sender).
 */
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
const PAYLOAD_BYTES = PACKET_BYTES - 64
const PACKETS = 50

export const simIncast: Benchmark = {
  name: 'sim-incast',
  about: 'incast on 432 simulated hosts, 8:1 to 431:1, with NDP',
  run: async () => [sweep()],
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
  const network = new PacketNetwork({
    topology: fatTree({ k: 12, ...TERMS }),
    switches: {
      bufferBytes: 8 * PACKET_BYTES,
      trim: { urgentBytes: 8 * PACKET_BYTES, isReturning: true },
    },
    transport: ndp({ payloadBytes: PAYLOAD_BYTES, initialWindow: 23 }),
    multipath: 'packet',
    seed: 1,
  })
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
