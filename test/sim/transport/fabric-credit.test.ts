import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Prng } from '../../../src/base/prng.js'
import { PacketMessages } from '../../../src/sim/moe/packets.js'
import { incast, permutation } from '../../../src/sim/moe/patterns.js'
import { playLayer } from '../../../src/sim/moe/play-layer.js'
import { PacketNetwork } from '../../../src/sim/net/packet-network.js'
import { PS_PER_S } from '../../../src/sim/net/time.js'
import { leafSpine, star } from '../../../src/sim/net/topology.js'
import { fabricCredit } from '../../../src/sim/transport/fabric-credit.js'
import { cubic } from '../../../src/sim/transport/window-transport.js'
import { runWithCredits } from '../../support/incast-run.js'

const GBIT = 125e6
const DOMAINS = 16
const WARM_UP = 5
const ROUNDS = 10

type Rounds = {
  readonly goodput: number
  readonly worstS: number
  readonly messages: PacketMessages
}

type Port = { readonly bytesPerSecond: number; readonly bufferBytes: number }

const SHALLOW: Port = { bytesPerSecond: GBIT, bufferBytes: 100_000 }

/** 16 domains answer one head in rounds, through one port. */
function answerInRounds(
  replyBytes: number,
  way: 'credits' | 'kept' | 'cubic',
  { bytesPerSecond, bufferBytes } = SHALLOW,
): Rounds {
  const kept = fabricCredit({ isCredited: way === 'credits' })
  const messages = new PacketMessages({
    topology: star({ hosts: DOMAINS + 1, bytesPerSecond, propagationS: 10e-6 }),
    switches: { bufferBytes },
    transport: way === 'cubic' ? cubic({ payloadBytes: 1448 }) : kept,
    multipath: 'flow',
    seed: 1,
  })
  const prng = Prng.fromSeed(7)
  const exchanges = Array.from({ length: DOMAINS }, (_, at) => ({
    ...{ source: 0, domain: at + 1, dispatchBytes: 512, combineBytes: replyBytes },
  }))
  const seconds: number[] = []
  for (let round = 0; round < WARM_UP + ROUNDS; round++) {
    const times = playLayer(messages, { exchanges, computeS: () => prng.nextFloat() * 20e-6 })
    if (round >= WARM_UP) seconds.push(times.totalS)
  }
  const mean = seconds.reduce((sum, one) => sum + one, 0) / ROUNDS
  const goodput = (DOMAINS * replyBytes) / bytesPerSecond / mean
  return { goodput, worstS: Math.max(...seconds), messages }
}

for (const [kilobytes, least] of [
  [8, 0.8],
  [32, 0.9],
  [64, 0.92],
  [256, 0.93],
] as const) {
  test(`credits over TCP bring an incast of ${kilobytes} kB replies through without a drop`, () => {
    const { goodput, messages } = answerInRounds(kilobytes * 1000, 'credits')
    const { counters, flows } = messages.network
    assert.equal(counters.droppedPackets, 0)
    assert.equal(
      flows.retransmits.reduce((sum, count) => sum + count, 0),
      0,
    )
    assert.ok(goodput >= least, `goodput ${goodput}`)
  })
}

for (const gigabits of [10, 25]) {
  test(`credits find out within ${WARM_UP} rounds that a link has ${gigabits} Gbit/s`, () => {
    const port = { bytesPerSecond: gigabits * GBIT, bufferBytes: 1_000_000 }
    const { goodput, messages } = answerInRounds(64_000, 'credits', port)
    assert.equal(messages.network.counters.droppedPackets, 0)
    assert.ok(goodput >= 0.75, `goodput ${goodput}`)
  })
}

for (const way of ['kept', 'cubic'] as const) {
  test(`without credits TCP (${way}) loses packets in the same incast, and times out`, () => {
    const { worstS, messages } = answerInRounds(64_000, way)
    const { counters, flows } = messages.network
    assert.ok(counters.droppedPackets > 0)
    assert.ok(flows.timeouts.reduce((sum, count) => sum + count, 0) > 0)
    assert.ok(worstS > 3 * answerInRounds(64_000, 'credits').worstS, `${worstS} s`)
  })
}

test('the packet network and the state machines alone measure the same goodput', () => {
  const alone = runWithCredits({
    ...{ domains: DOMAINS, nsPerByte: 8, bufferBytes: 100_000, propagationUs: 20, hostUs: 10 },
    ...{ computeUs: 20, seed: 7, rounds: ROUNDS, warmUpRounds: WARM_UP, replyBytes: 64_000 },
  })
  const { goodput } = answerInRounds(64_000, 'credits')
  // Of the one, packets have 90 bytes around them, and time counts from the first byte.
  assert.ok(Math.abs(goodput - alone.goodput) <= 0.02, `${goodput} and ${alone.goodput}`)
})

function network(options: {
  readonly bufferBytes: number
  readonly hostsPerLeaf?: number
}): PacketNetwork {
  const { bufferBytes, hostsPerLeaf = 8 } = options
  return new PacketNetwork({
    topology: leafSpine({
      ...{ leaves: 2, spines: 2, hostsPerLeaf, bytesPerSecond: 10 * GBIT, propagationS: 1e-6 },
    }),
    switches: { bufferBytes },
    transport: fabricCredit(),
    multipath: 'flow',
    seed: 3,
  })
}

test('frames that nobody asked for go with standing credit or ask for some, both ways', () => {
  const net = network({ bufferBytes: 1e6 })
  const messages = [
    ...permutation(16, 300_000, Prng.fromSeed(1)),
    ...permutation(16, 5_000, Prng.fromSeed(2)),
  ]
  for (const { from, to, bytes } of messages) {
    net.addFlow({ source: from, destination: to, bytes, startPs: 0 })
    net.addFlow({ source: to, destination: from, bytes: bytes / 2, startPs: 5e6 })
  }
  net.run({ untilPs: 1e12 })
  assert.equal(net.flows.finishedCount, net.flows.count)
  assert.equal(net.packets.live, 0)
})

test('a sender alone finds a link that is faster than the round trip lets a turn tell', () => {
  // At first credit is paced as for 100 Mbit/s: a turn is over long before the next one.
  const net = network({ bufferBytes: 1e6 })
  net.addFlow({ source: 0, destination: 8, bytes: 8e6, startPs: 0 })
  net.run({ untilPs: 1e12 })
  const seconds = (net.flows.finishedPs[0] ?? Number.NaN) / PS_PER_S
  assert.ok(seconds < (3 * 8e6) / (10 * GBIT), `${seconds} s`)
})

test('what a tiny buffer drops, TCP sends again until all of it is there', () => {
  const net = network({ bufferBytes: 4_000 })
  for (const { from, bytes } of incast(15, 40_000)) {
    net.addFlow({ source: from, destination: 0, bytes, startPs: 0 })
  }
  net.run({ untilPs: 60e12 })
  assert.ok(net.counters.droppedPackets > 0)
  assert.equal(net.flows.finishedCount, 15)
})

test('the same seed gives the same events', () => {
  const [one, other] = [0, 1].map(
    () => answerInRounds(32_000, 'credits').messages.network.eventHash,
  )
  assert.equal(one, other)
})
