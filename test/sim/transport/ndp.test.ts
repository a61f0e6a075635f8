import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Prng } from '../../../src/base/prng.js'
import { quantile } from '../../../src/base/statistics.js'
import type { Message } from '../../../src/sim/moe/network.js'
import { incast, permutation } from '../../../src/sim/moe/patterns.js'
import { HEADER_BYTES } from '../../../src/sim/net/packet.js'
import { PacketNetwork } from '../../../src/sim/net/packet-network.js'
import type { Multipath } from '../../../src/sim/net/path-choice.js'
import { PS_PER_S } from '../../../src/sim/net/time.js'
import { fatTree, leafSpine, star, type Topology } from '../../../src/sim/net/topology.js'
import { ndp } from '../../../src/sim/transport/ndp.js'

const GBIT = 125e6

type Run = {
  readonly topology: Topology
  readonly messages: readonly Message[]
  readonly payloadBytes: number
  readonly window: number
  readonly multipath?: Multipath
  readonly isReturning?: boolean
  readonly urgentPackets?: number
}

/** Queues of eight packets, as in the paper. */
function make(options: Run): PacketNetwork {
  const { topology, messages, payloadBytes, window: initialWindow } = options
  const queueBytes = 8 * (payloadBytes + HEADER_BYTES)
  const urgentBytes = (options.urgentPackets ?? queueBytes / HEADER_BYTES) * HEADER_BYTES
  const network = new PacketNetwork({
    topology,
    switches: {
      bufferBytes: queueBytes,
      trim: { urgentBytes, isReturning: options.isReturning ?? true },
    },
    transport: ndp({ payloadBytes, initialWindow }),
    multipath: options.multipath ?? 'packet',
    seed: 1,
  })
  for (const { from, to, bytes } of messages) {
    network.addFlow({ source: from, destination: to, bytes, startPs: 0 })
  }
  return network
}

function run(options: Run): { network: PacketNetwork; seconds: number[] } {
  const { messages } = options
  const network = make(options)
  network.run()
  assert.equal(network.flows.finishedCount, messages.length, 'every flow ends')
  assert.equal(network.packets.live, 0)
  const finished = [...network.flows.finishedPs.subarray(0, messages.length)]
  return { network, seconds: finished.map((ps) => ps / PS_PER_S) }
}

const REGRESSION = {
  topology: fatTree({ k: 4, bytesPerSecond: 100 * GBIT, propagationS: 1e-6 }),
  payloadBytes: 4096,
  /** A round trip of 14.6 us is 44 packets. */
  window: 50,
}

/** Limits in microseconds of the regression file of csg-htsim (sim/datacenter/validate.txt, EQDS). */
const CASES: ReadonlyArray<readonly [name: string, Message[], least: number, most: number]> = [
  ['one flow', [{ from: 0, to: 15, bytes: 2e6 }], 162.5, 180],
  [
    'two opposing flows',
    [
      { from: 0, to: 15, bytes: 2e6 },
      { from: 15, to: 0, bytes: 2e6 },
    ],
    162.5,
    190,
  ],
  ['15 to one', incast(15, 2e6), 2437.5, 2500],
  ['a permutation', permutation(16, 2e6, Prng.fromSeed(2)), 162.5, 210],
]

for (const [name, messages, least, most] of CASES) {
  test(`${name} of 2 MB at 100 Gb/s ends between line rate and the limit of htsim`, () => {
    const { seconds } = run({ ...REGRESSION, messages })
    const lastUs = Math.max(...seconds) * 1e6
    assert.ok(lastUs >= least && lastUs <= most, `${lastUs} us`)
  })
}

test('a permutation over one path per flow collides where spraying does not', () => {
  const messages = permutation(16, 2e6, Prng.fromSeed(2))
  const sprayed = Math.max(...run({ ...REGRESSION, messages }).seconds)
  const pinned = Math.max(...run({ ...REGRESSION, messages, multipath: 'flow' }).seconds)
  assert.ok(pinned > 1.5 * sprayed, `${pinned} s and ${sprayed} s`)
})

/** NDP, figure 16: 450 kB from each of n senders, IW 23, in a fat-tree of 432 hosts. */
const PAPER = {
  topology: fatTree({ k: 12, bytesPerSecond: 10 * GBIT, propagationS: 0.5e-6 }),
  payloadBytes: 9000,
  window: 23,
}

for (const senders of [10, 100, 431]) {
  test(`an incast of ${senders} is within 2 % of the optimum, and nearly all end with the last`, () => {
    const { seconds } = run({ ...PAPER, messages: incast(senders, 450_000) })
    const optimum = (senders * 450_000) / (10 * GBIT)
    const last = Math.max(...seconds)
    assert.ok(last >= optimum && last <= 1.02 * optimum, `${last} s, ${optimum} s`)
    // The first window of the nearest senders comes through whole.
    assert.ok(quantile(seconds, 0.1) >= 0.9 * last, `a tenth ends by ${quantile(seconds, 0.1)} s`)
  })
}

test('a permutation of 128 hosts fills its links without starving anybody', () => {
  const topology = fatTree({ k: 8, bytesPerSecond: 10 * GBIT, propagationS: 0.5e-6 })
  const messages = permutation(128, 1e9, Prng.fromSeed(3))
  const network = make({ ...PAPER, topology, messages })
  const deliveredUntil = (ps: number): number[] => {
    network.run({ untilPs: ps })
    return [...network.flows.deliveredBytes.subarray(0, 128)]
  }
  const before = deliveredUntil(1e9)
  const after = deliveredUntil(3e9)
  const used = after.map((bytes, flow) => (bytes - (before[flow] ?? 0)) / (2e-3 * 10 * GBIT))
  // Headers take 0.7 %, acknowledgements and pulls of the flow in return 1.4 %.
  assert.ok(used.reduce((sum, share) => sum + share, 0) / 128 >= 0.91)
  assert.ok(Math.min(...used) >= 0.85, `the slowest has ${Math.min(...used)} of its link`)
})

test('the last hop is full when the core could carry twice as much', () => {
  // Two senders at 100 Gb/s, one receiver, 400 Gb/s between their switches.
  const topology = leafSpine({
    ...{ leaves: 2, spines: 1, hostsPerLeaf: 2, bytesPerSecond: 100 * GBIT },
    ...{ propagationS: 1e-6, uplinkBytesPerSecond: 400 * GBIT },
  })
  const messages = [2, 3].map((from) => ({ from, to: 0, bytes: 20e6 }))
  const { network, seconds } = run({ topology, messages, payloadBytes: 4096, window: 40 })
  const bytes = 40e6 * (1 + HEADER_BYTES / 4096)
  const used = bytes / (100 * GBIT) / Math.max(...seconds)
  assert.ok(used >= 0.98, `${used} of the last hop`)
  assert.equal(network.counters.droppedPackets, 0)
})

test('an incast ends whether headers without room are returned or lost', () => {
  const topology = star({ hosts: 65, bytesPerSecond: 10 * GBIT, propagationS: 1e-6 })
  const messages = incast(64, 270_000)
  const optimum = (64 * 270_000) / (10 * GBIT)
  for (const isReturning of [true, false]) {
    const shape = { topology, messages, payloadBytes: 9000, window: 23, urgentPackets: 40 }
    const { network, seconds } = run({ ...shape, isReturning })
    const { returnedPackets, droppedPackets } = network.counters
    assert.ok(isReturning ? returnedPackets > 0 : droppedPackets > 0, 'the queue is too short')
    assert.ok(Math.max(...seconds) <= 1.2 * optimum, `${Math.max(...seconds)} s`)
  }
})

test('the same seed gives the same events', () => {
  const messages = permutation(16, 2e5, Prng.fromSeed(4))
  const hashes = [0, 1].map(() => run({ ...REGRESSION, messages }).network.eventHash)
  assert.equal(hashes[0], hashes[1])
})
