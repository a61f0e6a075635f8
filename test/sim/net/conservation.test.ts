import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { HeapQueue } from '../../../src/sim/net/event-heap.js'
import { fixedWindow } from '../../../src/sim/net/fixed-window.js'
import { PacketNetwork } from '../../../src/sim/net/packet-network.js'
import type { Multipath } from '../../../src/sim/net/path-choice.js'
import { markAbove, type SwitchOptions } from '../../../src/sim/net/switch-options.js'
import {
  fatTree,
  leafSpine,
  parkingLot,
  star,
  type Topology,
} from '../../../src/sim/net/topology.js'
import type { TransportFactory } from '../../../src/sim/net/transport.js'
import { WheelQueue } from '../../../src/sim/net/wheel-queue.js'
import { dcqcn } from '../../../src/sim/transport/dcqcn.js'
import { fabricCredit } from '../../../src/sim/transport/fabric-credit.js'
import { ndp } from '../../../src/sim/transport/ndp.js'
import { cubic, dctcp, newReno, swift } from '../../../src/sim/transport/window-transport.js'
import { checkBooks } from './census.js'

const terms = {
  bytesPerSecond: 12.5e9,
  propagationS: 500e-9,
  switchLatencyS: 300e-9,
}

const topologies: fc.Arbitrary<Topology> = fc.constantFrom(
  star({ hosts: 9, ...terms }),
  leafSpine({ leaves: 3, spines: 2, hostsPerLeaf: 4, ...terms }),
  leafSpine({ leaves: 2, spines: 3, hostsPerLeaf: 5, ...terms, uplinkBytesPerSecond: 3e9 }),
  fatTree({ k: 4, ...terms }),
  parkingLot({ segments: 3, ...terms }),
)

const KIB = 1024
const switchOptions: fc.Arbitrary<SwitchOptions> = fc.record(
  {
    bufferBytes: fc.integer({ min: 5000, max: 100_000 }),
    shared: fc.record({
      bytes: fc.integer({ min: 10_000, max: 200_000 }),
      alpha: fc.constantFrom(0.5, 1, 8),
    }),
    ecn: fc.constantFrom(markAbove(20_000), { minBytes: 5000, maxBytes: 50_000, maxChance: 0.2 }),
    trim: fc.record({
      urgentBytes: fc.integer({ min: 64, max: 4000 }),
      isReturning: fc.boolean(),
    }),
    pause: fc.constantFrom(
      { xoffBytes: 8 * KIB, xonBytes: 4 * KIB },
      { xoffBytes: 0, xonBytes: 0 },
    ),
  },
  { requiredKeys: ['bufferBytes'] },
)

const PAYLOAD = { payloadBytes: 4096 }
const WINDOW = { ...PAYLOAD, timeoutPs: 5e8, isEcnCapable: true }
const TCP = { ...PAYLOAD, leastTimeoutPs: 1e9 }
const transports: fc.Arbitrary<TransportFactory> = fc.constantFrom(
  fixedWindow({ ...WINDOW, window: 1 }),
  fixedWindow({ ...WINDOW, window: 1000 }),
  newReno(TCP),
  cubic(TCP),
  dctcp(TCP),
  swift({ ...TCP, queuePs: 2e7 }),
  dcqcn(PAYLOAD),
  ndp({ ...PAYLOAD, initialWindow: 10 }),
  fabricCredit({ leastTimeoutPs: 1e9 }),
)

const traffic = fc.record({
  topology: topologies,
  transport: transports,
  switches: switchOptions,
  multipath: fc.constantFrom<Multipath>('flow', 'packet'),
  seed: fc.nat(),
  flows: fc.array(
    fc.record({
      source: fc.nat(),
      offset: fc.nat(),
      bytes: fc.integer({ min: 1, max: 200_000 }),
      startPs: fc.integer({ min: 0, max: 1e7 }),
    }),
    { minLength: 1, maxLength: 20 },
  ),
})

type Traffic = typeof traffic extends fc.Arbitrary<infer T> ? T : never

function build({ topology, switches, transport, multipath, seed, flows }: Traffic, isHeap = false) {
  const queue = isHeap ? new HeapQueue() : new WheelQueue()
  const network = new PacketNetwork({ topology, switches, transport, multipath, seed, queue })
  const { hosts } = network
  for (const { source, offset, bytes, startPs } of flows) {
    const from = source % hosts
    const to = (from + 1 + (offset % (hosts - 1))) % hosts
    network.addFlow({ source: from, destination: to, bytes, startPs })
  }
  return network
}

test('bytes sent are delivered, dropped, trimmed, queued or on the wire at any moment', () => {
  fc.assert(
    fc.property(traffic, fc.integer({ min: 1, max: 400 }), (given, stride) => {
      const network = build(given)
      for (let i = 0; i < 400 && !network.isIdle; i++) {
        network.run({ events: stride })
        checkBooks(network)
      }
      network.run({ untilPs: 1e14, events: 5e5 })
      checkBooks(network)
      assert.equal(network.flows.finishedCount, given.flows.length)
      assert.equal(network.packets.live, 0)
    }),
    { seed: 2, numRuns: 120 },
  )
})

test('a seed gives the same events, whatever queue holds them', () => {
  fc.assert(
    fc.property(traffic, (given) => {
      const [first, second, other] = [build(given), build(given), build(given, true)]
      for (const network of [first, second, other]) network.run({ untilPs: 1e10 })
      assert.equal(first.eventHash, second.eventHash)
      assert.equal(first.eventHash, other.eventHash)
      assert.deepEqual(first.flows.finishedPs, other.flows.finishedPs)
    }),
    { seed: 3, numRuns: 20 },
  )
})
