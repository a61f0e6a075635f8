import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defined } from '../../../src/base/assert.js'
import type { PacketNetwork } from '../../../src/sim/net/packet-network.js'
import { markAbove, type SwitchOptions } from '../../../src/sim/net/switch-options.js'
import { Dctcp } from '../../../src/sim/transport/dctcp.js'
import { Swift } from '../../../src/sim/transport/swift.js'
import {
  cubic,
  dctcp,
  newReno,
  swift,
  WindowTransport,
} from '../../../src/sim/transport/window-transport.js'
import * as scenario from './scenario.js'
import { dumbbell, GIGABIT, microseconds, middlePort, PACKET, PAYLOAD } from './scenario.js'

const RATE = 10 * GIGABIT
const OPTIONS = { payloadBytes: PAYLOAD, leastTimeoutPs: microseconds(10_000) }
const ENDLESS = 1e10

type Long = {
  readonly flows: number
  readonly roundTripUs: number
  readonly switches: SwitchOptions
  readonly transport: ReturnType<typeof dctcp>
  readonly warmUpUs: number
  readonly measureUs: number
}

type Measured = {
  readonly network: PacketNetwork
  /** Packets in the queue of the middle, and in the window of the first flow, over time. */
  readonly queue: number[]
  readonly windows: number[]
  /** Of the rate of the middle, headers counted, that each flow gets. */
  readonly shares: number[]
  /** Packets on the wire of an idle round trip. */
  readonly pipe: number
}

/** Equal endless flows over one link, measured after a while. */
function measure({ flows, roundTripUs, switches, transport, warmUpUs, measureUs }: Long): Measured {
  const [queue, windows]: [number[], number[]] = [[], []]
  const sample = (network: PacketNetwork): void => {
    const port = middlePort(network, flows)
    queue.push(defined(network.ports.plainBytes[port], 'port') / PACKET)
    windows.push(network.nowPs === 0 ? 0 : congestionOf(network, 0).window)
  }
  const topology = dumbbell(flows, RATE, microseconds(roundTripUs))
  const probe = { everyPs: microseconds(2), sample }
  const network = scenario.makeNetwork({ topology, switches, transport, probe })
  for (let i = 0; i < flows; i++) {
    network.addFlow({ source: i, destination: flows + i, bytes: ENDLESS, startPs: 0 })
  }
  network.run({ untilPs: microseconds(warmUpUs) })
  queue.length = windows.length = 0
  const rates = scenario.ratesOver(network, microseconds(measureUs))
  const idlePs = network.zeroLoadPs(0, flows, PACKET) + network.zeroLoadPs(flows, 0, 64)
  const shares = rates.map((rate) => (rate * PACKET) / PAYLOAD / RATE)
  return { network, queue, windows, shares, pipe: ((idlePs / 1e12) * RATE) / PACKET }
}

function congestionOf(network: PacketNetwork, flow: number) {
  const { transport } = network
  assert.ok(transport instanceof WindowTransport)
  return defined(transport.congestionOf(flow), 'congestion of a flow that is not done')
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function near(actual: number, expected: number, share: number): void {
  const isNear = Math.abs(actual - expected) <= share * expected
  assert.ok(isNear, `${actual} is not within ${share * 100} % of ${expected}`)
}

test('slow start doubles what is in flight each round trip', () => {
  for (const transport of [newReno(OPTIONS), cubic(OPTIONS), dctcp(OPTIONS)]) {
    const topology = dumbbell(1, 100 * GIGABIT, microseconds(400))
    const network = scenario.makeNetwork({ topology, switches: { bufferBytes: 1e7 }, transport })
    network.addFlow({ source: 0, destination: 1, bytes: ENDLESS, startPs: 0 })
    const idlePs = network.zeroLoadPs(0, 1, PACKET) + network.zeroLoadPs(1, 0, 64)
    for (let round = 1; round < 7; round++) {
      const sentBefore = network.counters.sentPackets
      network.run({ untilPs: round * idlePs - 1 })
      if (round > 1) assert.ok(network.counters.sentPackets > sentBefore)
      assert.equal(congestionOf(network, 0).window, 10 * 2 ** (round - 1))
    }
  }
})

test('one NewReno flow fills a link with a buffer of a round trip, and 3/4 of one without', () => {
  const long = { flows: 1, roundTripUs: 100, warmUpUs: 60_000, measureUs: 60_000 }
  const transport = newReno(OPTIONS)
  const full = measure({ ...long, transport, switches: { bufferBytes: 90 * PACKET } })
  near(sum(full.shares), 1, 0.001)
  near(Math.min(...full.windows), Math.max(...full.windows) / 2, 0.02)
  const bare = measure({ ...long, transport, switches: { bufferBytes: 4 * PACKET } })
  near(sum(bare.shares), sawtoothShare(bare.pipe, 5), 0.02)
  near(Math.max(...bare.windows) / Math.min(...bare.windows), 2, 0.06)
})

/**
 * Of a link: what a window delivers that grows by one a round trip from half of pipe and buffer to
 * both. Below the pipe a round trip takes its idle time, above it the time to send the window.
 */
function sawtoothShare(pipe: number, buffer: number): number {
  const below = (pipe - buffer) / 2
  const sent = (below * (3 * pipe + buffer)) / 4 + buffer * (pipe + buffer / 2)
  const idleRoundTrips = below + (buffer * (pipe + buffer / 2)) / pipe
  return sent / (idleRoundTrips * pipe)
}

test('CUBIC reduces to 0.7 of the window it lost at', () => {
  const long = { flows: 1, roundTripUs: 100, warmUpUs: 60_000, measureUs: 60_000 }
  const { windows, shares, network } = measure({
    ...long,
    transport: cubic(OPTIONS),
    switches: { bufferBytes: 90 * PACKET },
  })
  near(Math.min(...windows), 0.7 * Math.max(...windows), 0.02)
  near(sum(shares), 1, 0.001)
  assert.ok(network.counters.droppedPackets > 0)
})

/**
 * Section 3.3 of the DCTCP paper, before it takes alpha to be small, which it is not when windows
 * are: alpha^2 (1 - alpha / 4) = (2 W + 1) / (W + 1)^2, and N windows fall by (W + 1) alpha / 2.
 */
function dctcpSwing(flows: number, pipeAndK: number): number {
  const window = pipeAndK / flows
  const share = (2 * window + 1) / (window + 1) ** 2
  let alpha = 0.5
  for (let i = 0; i < 100; i++) alpha = Math.sqrt(share / (1 - alpha / 4))
  return (flows * (window + 1) * alpha) / 2
}

/** Mean height of the swings about the mean, of at least a fifth of `expected`. */
function swingOf(queue: readonly number[], expected: number): number {
  const middle = sum(queue) / queue.length
  const heights: number[] = []
  let [isAbove, most, least] = [true, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  for (const depth of queue) {
    const rises = !isAbove && depth > middle + expected / 10
    if (rises) {
      heights.push(most - least)
      ;[most, least] = [depth, depth]
    }
    if (rises || depth < middle - expected / 10) isAbove = rises
    most = Math.max(most, depth)
    least = Math.min(least, depth)
  }
  // The first one began before it was looked at.
  return sum(heights.slice(1)) / (heights.length - 1)
}

test('the queue of DCTCP rises to K + N and swings by A (SIGCOMM 2010, section 3.3)', () => {
  // The paper's figure 12 has 2, 10 and 40 flows and K = 40, at 10 Gb/s. Windows of the last are
  // three packets, and fall by whole ones.
  for (const [flows, k, roundTripUs] of [
    [1, 40, 100],
    [2, 40, 100],
    [2, 65, 150],
    [10, 40, 100],
    [10, 65, 300],
    [20, 40, 300],
    [40, 40, 100],
  ] as const) {
    const { queue, shares, pipe, network } = measure({
      ...{ flows, roundTripUs, warmUpUs: 50_000, measureUs: 50_000 },
      switches: { bufferBytes: 1e7, ecn: markAbove(k * PACKET) },
      transport: dctcp(OPTIONS),
    })
    const [most, least] = [Math.max(...queue), Math.min(...queue)]
    near(most, k + flows, 0.03)
    const swing = dctcpSwing(flows, pipe + k)
    if (flows < 3) near(most - least, 0.5 * Math.sqrt(2 * flows * (pipe + k)), 0.1)
    else near(swingOf(queue, swing), swing, flows < 40 ? 0.1 : 0.15)
    near(sum(shares), 1, flows < 20 ? 0.001 : 0.02)
    assert.equal(network.counters.droppedPackets, 0)
  }
})

test('DCTCP keeps the link full when K is above C * RTT / 7, and not far below it', () => {
  const run = (packets: number): Measured =>
    measure({
      ...{ flows: 1, roundTripUs: 100, warmUpUs: 50_000, measureUs: 50_000 },
      switches: { bufferBytes: 1e7, ecn: markAbove(packets * PACKET) },
      transport: dctcp(OPTIONS),
    })
  const enough = run(13)
  assert.ok(13 > enough.pipe / 7)
  near(sum(enough.shares), 1, 0.0005)
  assert.ok(Math.min(...enough.queue) > 0)
  const scarce = run(2)
  assert.ok(Math.min(...scarce.queue) === 0)
  assert.ok(sum(scarce.shares) < 0.996)
})

test('the share of marks that DCTCP settles at is that of its fixed point', () => {
  const { windows, network } = measure({
    ...{ flows: 1, roundTripUs: 100, warmUpUs: 80_000, measureUs: 20_000 },
    switches: { bufferBytes: 1e7, ecn: markAbove(40 * PACKET) },
    transport: dctcp(OPTIONS),
  })
  const congestion = congestionOf(network, 0)
  assert.ok(congestion instanceof Dctcp)
  // Section 3.3, equation 6: alpha^2 (1 - alpha / 4) = (2 W + 1) / (W + 1)^2.
  const window = Math.max(...windows) - 1
  const { alpha } = congestion
  near(alpha ** 2 * (1 - alpha / 4), (2 * window + 1) / (window + 1) ** 2, 0.25)
})

test('flows with the same round trip share alike, also those that come late', () => {
  const cases = [
    [newReno(OPTIONS), { bufferBytes: 90 * PACKET }],
    [cubic(OPTIONS), { bufferBytes: 90 * PACKET }],
    [dctcp(OPTIONS), { bufferBytes: 1e7, ecn: markAbove(40 * PACKET) }],
  ] as const
  for (const [transport, switches] of cases) {
    const topology = dumbbell(4, RATE, microseconds(100))
    const network = scenario.makeNetwork({ topology, switches, transport })
    for (let i = 0; i < 4; i++) {
      const startPs = i * microseconds(3000)
      network.addFlow({ source: i, destination: 4 + i, bytes: ENDLESS, startPs })
    }
    network.run({ untilPs: microseconds(50_000) })
    const rates = scenario.ratesOver(network, microseconds(50_000))
    // Jain's index: 1 when all are equal, 1/4 when one has everything.
    const fairness = sum(rates) ** 2 / 4 / sum(rates.map((rate) => rate ** 2))
    assert.ok(fairness > 0.9, `${network.transport.name}: ${fairness}`)
    near((sum(rates) * PACKET) / PAYLOAD, RATE, 0.01)
  }
})

test('Swift holds the delay at its target, and shares alike', () => {
  for (const flows of [1, 4, 16]) {
    const { queue, shares, network } = measure({
      ...{ flows, roundTripUs: 30, warmUpUs: 30_000, measureUs: 30_000 },
      switches: { bufferBytes: 1e7 },
      transport: swift({ ...OPTIONS, queuePs: microseconds(20) }),
    })
    const congestion = congestionOf(network, 0)
    assert.ok(congestion instanceof Swift)
    const idlePs = network.zeroLoadPs(0, flows, PACKET) + network.zeroLoadPs(flows, 0, 64)
    const delayPs = ((sum(queue) / queue.length) * PACKET * 1e12) / RATE
    near(idlePs + delayPs, congestion.targetPs, 0.1)
    near(sum(shares), 1, 0.001)
    assert.ok(Math.min(...shares) > 0.8 * Math.max(...shares))
    assert.equal(network.counters.droppedPackets, 0)
  }
})
