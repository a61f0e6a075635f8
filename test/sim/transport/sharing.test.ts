import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PacketNetwork } from '../../../src/sim/net/packet-network.js'
import { markAbove, type SwitchOptions } from '../../../src/sim/net/switch-options.js'
import { leafSpine, parkingLot, star, type Topology } from '../../../src/sim/net/topology.js'
import type { TransportFactory } from '../../../src/sim/net/transport.js'
import { dcqcn } from '../../../src/sim/transport/dcqcn.js'
import { cubic, dctcp, newReno, swift } from '../../../src/sim/transport/window-transport.js'
import * as scenario from './scenario.js'
import { GIGABIT, incastStar, makeNetwork, microseconds, PACKET, PAYLOAD } from './scenario.js'

const RATE = 10 * GIGABIT
const OPTIONS = { payloadBytes: PAYLOAD, leastTimeoutPs: microseconds(10_000) }
const SWIFT = swift({ ...OPTIONS, queuePs: microseconds(20) })
const DCQCN = dcqcn({ payloadBytes: PAYLOAD })
/** Marks as the DCQCN paper's table does, and pauses before anything is lost. */
const LOSSLESS: SwitchOptions = {
  bufferBytes: 1e9,
  ecn: { minBytes: 5000, maxBytes: 200_000, maxChance: 0.01 },
  pause: { xoffBytes: 100_000, xonBytes: 80_000 },
}

/** A row of slow links between hosts that are not what holds them back. */
function slowRow(segments: number): Topology {
  const row = parkingLot({ segments, bytesPerSecond: RATE, propagationS: 5e-6 })
  const links = row.links.map((link) => {
    const isHost = link.a < row.hosts || link.b < row.hosts
    return isHost ? { ...link, bytesPerSecond: 10 * RATE } : link
  })
  return { ...row, links }
}

test('on a parking lot both links are full, the short flows alike, and the long one goes on', () => {
  const cases: readonly (readonly [TransportFactory, SwitchOptions, number])[] = [
    [newReno(OPTIONS), { bufferBytes: 100 * PACKET }, 0.02],
    // Full queues hit the long flow twice as often, and CUBIC yields what it loses.
    [cubic(OPTIONS), { bufferBytes: 100 * PACKET }, 0.005],
    [dctcp(OPTIONS), { bufferBytes: 1e7, ecn: markAbove(20 * PACKET) }, 0.05],
    // Its delay is that of both queues, so it falls back before the others do.
    [SWIFT, { bufferBytes: 1e7 }, 0.01],
    [DCQCN, LOSSLESS, 0.05],
  ]
  for (const [transport, switches, least] of cases) {
    const network = makeNetwork({ topology: slowRow(2), switches, transport })
    for (const [source, destination] of [
      [0, 1],
      [2, 3],
      [4, 5],
    ] as const) {
      network.addFlow({ source, destination, bytes: 1e10, startPs: 0 })
    }
    network.run({ untilPs: microseconds(25_000) })
    const rates = scenario.ratesOver(network, microseconds(25_000))
    const [long = 0, first = 0, second = 0] = rates.map((rate) => (rate * PACKET) / PAYLOAD / RATE)
    const shown = `${network.transport.name}: ${long}, ${first}, ${second}`
    assert.ok(long + first > 0.9 && long + second > 0.9, shown)
    assert.ok(long > least && long < 0.55, shown)
    assert.ok(Math.abs(first - second) < 0.1, shown)
  }
})

/** Least time for n senders of `bytes` each to one link. */
function lineRatePs(senders: number, bytes: number): number {
  const packets = Math.ceil(bytes / PAYLOAD)
  return ((senders * (bytes + packets * (PACKET - PAYLOAD))) / RATE) * 1e12
}

function timeouts(network: PacketNetwork): number {
  return network.flows.timeouts.reduce((sum, count) => sum + count, 0)
}

test('an incast collapses TCP on shallow buffers, and not DCTCP while senders are few', () => {
  const bytes = 256 * PAYLOAD
  const shallow = { bufferBytes: 64 * PACKET }
  const common = { payloadBytes: PAYLOAD }
  for (const transport of [newReno(common), cubic(common)]) {
    const network = makeNetwork({ topology: incastStar(8, RATE), switches: shallow, transport })
    const lastPs = scenario.runIncast(network, bytes)
    assert.ok(timeouts(network) > 0)
    assert.ok(lastPs > 50 * lineRatePs(8, bytes), 'a time-out of 200 ms is what is waited for')
  }
  const switches = { ...shallow, ecn: markAbove(20 * PACKET) }
  for (const senders of [4, 8, 32]) {
    const topology = incastStar(senders, RATE)
    const network = makeNetwork({ topology, switches, transport: dctcp(common) })
    const ratio = scenario.runIncast(network, bytes) / lineRatePs(senders, bytes)
    assert.ok(ratio >= 1)
    if (senders < 32) assert.equal(timeouts(network), 0)
    // The first windows of 32 senders alone are five times the buffer.
    if (senders < 32) assert.ok(ratio < 1.05, `${ratio}`)
    else assert.ok(timeouts(network) > 0 && ratio > 10)
  }
})

test('deep buffers take an incast of any window transport at the rate of the line', () => {
  const bytes = 64 * PAYLOAD
  for (const transport of [newReno(OPTIONS), cubic(OPTIONS), dctcp(OPTIONS), SWIFT]) {
    const switches = { bufferBytes: 1e8, ecn: markAbove(20 * PACKET) }
    const network = makeNetwork({ topology: incastStar(16, RATE), switches, transport })
    const ratio = scenario.runIncast(network, bytes) / lineRatePs(16, bytes)
    assert.ok(ratio >= 1 && ratio < 1.02, `${network.transport.name}: ${ratio}`)
    assert.equal(network.counters.droppedPackets, 0)
  }
})

test('DCQCN loses nothing where switches pause, and shares a link', () => {
  for (const senders of [4, 32]) {
    const network = makeNetwork({
      topology: incastStar(senders, RATE),
      switches: { ...LOSSLESS, pause: { xoffBytes: 30_000, xonBytes: 20_000 } },
      transport: DCQCN,
    })
    const ratio = scenario.runIncast(network, 256 * PAYLOAD) / lineRatePs(senders, 256 * PAYLOAD)
    assert.ok(ratio >= 1 && ratio < 2, `${ratio}`)
    assert.equal(network.counters.droppedPackets, 0)
    assert.equal(timeouts(network), 0)
    assert.ok((network.switches.pauseControl?.pauses ?? 0) > 0)
  }
  const rate = 40 * GIGABIT
  const network = makeNetwork({
    topology: incastStar(8, rate),
    switches: LOSSLESS,
    transport: DCQCN,
  })
  for (let source = 0; source < 8; source++) {
    network.addFlow({ source, destination: 8, bytes: 1e11, startPs: 0 })
  }
  network.run({ untilPs: microseconds(20_000) })
  const shares = scenario.ratesOver(network, microseconds(20_000)).map((one) => (8 * one) / rate)
  assert.ok(Math.min(...shares) > 0.75 && Math.max(...shares) < 1.1, shares.join(', '))
  assert.ok(shares.reduce((sum, share) => sum + share, 0) / 8 > 0.85)
})

test('flows of one host take turns at its NIC', () => {
  const terms = { bytesPerSecond: RATE, propagationS: 1e-6 }
  const network = makeNetwork({
    topology: star({ hosts: 4, ...terms }),
    switches: LOSSLESS,
    transport: DCQCN,
  })
  for (const destination of [1, 2, 3]) {
    network.addFlow({ source: 0, destination, bytes: 1e9, startPs: 0 })
  }
  network.run({ untilPs: microseconds(1000) })
  const shares = scenario.ratesOver(network, microseconds(2000)).map((rate) => rate / RATE)
  for (const share of shares) assert.ok(Math.abs(share - PAYLOAD / PACKET / 3) < 0.01)
})

const transports = fc.constantFrom<TransportFactory>(
  newReno(OPTIONS),
  cubic(OPTIONS),
  dctcp(OPTIONS),
  SWIFT,
  DCQCN,
)
const switchOptions: fc.Arbitrary<SwitchOptions> = fc.record(
  {
    bufferBytes: fc.integer({ min: 2 * PACKET, max: 60_000 }),
    ecn: fc.constantFrom(markAbove(6000), { minBytes: 3000, maxBytes: 20_000, maxChance: 0.2 }),
    trim: fc.record({ urgentBytes: fc.integer({ min: 64, max: 4000 }) }),
    pause: fc.constantFrom({ xoffBytes: 8192, xonBytes: 4096 }, { xoffBytes: 0, xonBytes: 0 }),
  },
  { requiredKeys: ['bufferBytes'] },
)
const flow = fc.record({
  source: fc.nat(5),
  offset: fc.nat(4),
  bytes: fc.integer({ min: 1, max: 100_000 }),
  startPs: fc.integer({ min: 0, max: 1e8 }),
})

test('every flow ends, with every byte accounted for, no faster than its path', () => {
  const flows = fc.array(flow, { minLength: 1, maxLength: 12 })
  fc.assert(
    fc.property(transports, switchOptions, flows, (transport, switches, requests) => {
      const terms = { bytesPerSecond: RATE, propagationS: 1e-6, uplinkBytesPerSecond: RATE / 2 }
      const topology = leafSpine({ leaves: 2, spines: 2, hostsPerLeaf: 3, ...terms })
      const network = makeNetwork({ topology, switches, transport })
      for (const { source, offset, bytes, startPs } of requests) {
        const destination = (source + 1 + offset) % 6
        network.addFlow({ source, destination, bytes, startPs })
      }
      scenario.runToEnd(network)
      requests.forEach(({ bytes, startPs }, i) => {
        const last = bytes % PAYLOAD === 0 ? PAYLOAD : bytes % PAYLOAD
        const wire = ((bytes - last) / PAYLOAD) * PACKET + last + 64
        const leastPs = (wire / RATE) * 1e12 + 2e6
        assert.ok((network.flows.finishedPs[i] ?? 0) - startPs >= leastPs - 1)
      })
    }),
    { seed: 5, numRuns: 150 },
  )
})
