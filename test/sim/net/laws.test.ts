import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Prng } from '../../../src/base/prng.js'
import { fixedWindow } from '../../../src/sim/net/fixed-window.js'
import { HEADER_BYTES } from '../../../src/sim/net/packet.js'
import { PacketNetwork, type Probe } from '../../../src/sim/net/packet-network.js'
import {
  markAbove,
  pauseHeadroomBytes,
  type SwitchOptions,
} from '../../../src/sim/net/switch-options.js'
import { PS_PER_S, PS_PER_US, psOf, serialisationPs } from '../../../src/sim/net/time.js'
import { fatTree, leafSpine, star, type Topology } from '../../../src/sim/net/topology.js'

const GBIT = 125e6
const terms = { bytesPerSecond: 100 * GBIT, propagationS: 1e-6 }
const deep: SwitchOptions = { bufferBytes: 1e9 }
const PAYLOAD = 4096

function build(
  topology: Topology,
  options: { switches?: SwitchOptions; window?: number; payload?: number; probe?: Probe } = {},
): PacketNetwork {
  const { switches = deep, window = 1e9, payload = PAYLOAD, probe } = options
  return new PacketNetwork({
    topology,
    switches,
    transport: fixedWindow({
      payloadBytes: payload,
      window,
      timeoutPs: 1e12,
      isEcnCapable: true,
    }),
    multipath: 'packet',
    seed: 1,
    ...(probe === undefined ? {} : { probe }),
  })
}

function lastFinishPs(network: PacketNetwork): number {
  return Math.max(...network.flows.finishedPs.subarray(0, network.flows.count))
}

test('picoseconds count the bytes of usual rates exactly', () => {
  assert.equal(serialisationPs(64, 100 * GBIT), 5120)
  assert.equal(serialisationPs(9216, 100 * GBIT), 737_280)
  assert.equal(serialisationPs(1, 800 * GBIT), 10)
  // What 100 Gb/s carry in 12 us: 150 kB, 37 packets of 4 KiB begun.
  const bytes = (psOf(12e-6) / PS_PER_S) * 100 * GBIT
  assert.equal(bytes, 150_000)
  assert.equal(Math.ceil(bytes / 4096), 37)
})

test('a packet through an idle network takes its serialisation, propagation and switching', () => {
  const bytes = 1000
  const onWire = bytes + HEADER_BYTES
  const latencies = { switchLatencyS: 450e-9, hostLatencyS: 120e-9 }
  const cases: ReadonlyArray<readonly [Topology, to: number, links: number]> = [
    [star({ hosts: 2, ...terms, ...latencies }), 1, 2],
    [leafSpine({ leaves: 2, spines: 2, hostsPerLeaf: 2, ...terms, ...latencies }), 1, 2],
    [leafSpine({ leaves: 2, spines: 2, hostsPerLeaf: 2, ...terms, ...latencies }), 3, 4],
    [fatTree({ k: 4, ...terms, ...latencies }), 1, 2],
    [fatTree({ k: 4, ...terms, ...latencies }), 3, 4],
    [fatTree({ k: 4, ...terms, ...latencies }), 15, 6],
  ]
  for (const [topology, destination, links] of cases) {
    const network = build(topology)
    network.addFlow({ source: 0, destination, bytes, startPs: 700 })
    network.run()
    const perLink = onWire * 80 + PS_PER_US
    const expected = links * perLink + (links - 1) * 450_000 + 120_000
    assert.equal(network.flows.finishedPs[0], 700 + expected, topology.name)
    assert.equal(network.zeroLoadPs(0, destination, onWire), expected)
  }
})

test('packets that come at random wait rho S / (2 (1 - rho)) for a server of fixed time', () => {
  const hosts = 65
  // Sources so fast that their own links add no wait.
  const base = star({ hosts, ...terms })
  const links = base.links.map((one) =>
    one.a === 0 ? one : { ...one, bytesPerSecond: 100 * terms.bytesPerSecond },
  )
  const servicePs = (PAYLOAD + HEADER_BYTES) * 80
  for (const rho of [0.3, 0.6, 0.8]) {
    const network = build({ ...base, links })
    const random = Prng.fromSeed(5)
    let startPs = 0
    const count = 60_000
    for (let i = 0; i < count; i++) {
      startPs += Math.round((random.nextExponential() * servicePs) / rho)
      const source = 1 + random.nextBelow(hosts - 1)
      network.addFlow({ source, destination: 0, bytes: PAYLOAD, startPs })
    }
    network.run()
    const idlePs = network.zeroLoadPs(1, 0, PAYLOAD + HEADER_BYTES)
    const { finishedPs, startPs: startsPs } = network.flows
    let waitPs = 0
    for (let flow = 0; flow < count; flow++) {
      waitPs += (finishedPs[flow] ?? 0) - (startsPs[flow] ?? 0) - idlePs
    }
    const expected = (rho * servicePs) / (2 * (1 - rho))
    const error = waitPs / count / expected - 1
    assert.ok(Math.abs(error) < 0.04, `rho ${rho}: ${error}`)
  }
})

test('an incast ends no sooner than the last link can carry it', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 24 }),
      fc.integer({ min: 1, max: 60 }),
      (senders, packets) => {
        const network = build(star({ hosts: senders + 1, ...terms }))
        const bytes = packets * PAYLOAD
        for (let host = 1; host <= senders; host++) {
          network.addFlow({ source: host, destination: 0, bytes, startPs: 0 })
        }
        network.run()
        const onWire = packets * (PAYLOAD + HEADER_BYTES)
        const perPacketPs = (PAYLOAD + HEADER_BYTES) * 80
        // All of it over the last link, which the first packet reaches after the first.
        const boundPs = senders * onWire * 80 + perPacketPs + 2 * PS_PER_US
        assert.equal(lastFinishPs(network), boundPs)
        assert.ok(network.packets.peak <= 2 * senders * packets)
      },
    ),
    { seed: 4, numRuns: 40 },
  )
})

test('switches mark what finds more than K bytes before it, and nothing else', () => {
  const senders = 8
  const packets = 10
  const onWire = PAYLOAD + HEADER_BYTES
  const network = build(star({ hosts: senders + 1, ...terms }), {
    switches: { bufferBytes: 1e9, ecn: markAbove(20 * onWire) },
  })
  for (let host = 1; host <= senders; host++) {
    network.addFlow({ source: host, destination: 0, bytes: packets * PAYLOAD, startPs: 0 })
  }
  network.run()
  // Each packet time brings 8 and takes 1; the first goes at once. Of round r (from 1) packet i
  // (from 0) finds 7 (r - 1) + i before it, less the one of round 1 that was begun.
  let expected = 0
  for (let round = 0; round < packets; round++) {
    for (let i = 0; i < senders; i++) {
      const before = round === 0 ? i - 1 : 7 * round + i
      if (before > 20) expected++
    }
  }
  assert.ok(Math.abs(network.counters.markedPackets - expected) <= packets)
})

test('random early marking marks the share of packets that its line says', () => {
  const network = build(star({ hosts: 3, ...terms }), {
    switches: { bufferBytes: 1e9, ecn: { minBytes: 0, maxBytes: 1e9, maxChance: 1 } },
    window: 12_000,
  })
  for (const source of [1, 2]) {
    network.addFlow({ source, destination: 0, bytes: 12_000 * PAYLOAD, startPs: 0 })
  }
  network.run()
  // The queue rises to half of what was sent: its mean is a quarter of it.
  const sum = 24_000 * (PAYLOAD + HEADER_BYTES)
  const expected = (sum / 4 / 1e9) * 24_000
  const error = network.counters.markedPackets / expected - 1
  assert.ok(Math.abs(error) < 0.1, `${error}`)
})

test('pauses with headroom lose nothing, and without headroom they do', () => {
  const switchLatencyS = 500e-9
  const senders = 16
  const xoffBytes = 40_000
  const packetBytes = PAYLOAD + HEADER_BYTES
  const headroom = pauseHeadroomBytes({ ...terms, latencyS: switchLatencyS, packetBytes })
  const run = (roomPerLink: number): PacketNetwork => {
    const network = build(star({ hosts: senders + 1, ...terms, switchLatencyS }), {
      switches: {
        bufferBytes: senders * roomPerLink,
        pause: { xoffBytes, xonBytes: 20_000 },
      },
    })
    for (let host = 1; host <= senders; host++) {
      network.addFlow({ source: host, destination: 0, bytes: 200 * PAYLOAD, startPs: 0 })
    }
    network.run({ untilPs: 1e11 })
    return network
  }
  const kept = run(xoffBytes + headroom)
  assert.equal(kept.counters.droppedPackets, 0)
  assert.ok((kept.switches.pauseControl?.pauses ?? 0) >= senders)
  assert.equal(kept.flows.finishedCount, senders)
  // The last link never idles: pauses end in time.
  const allPs = senders * 200 * packetBytes * 80
  assert.ok(lastFinishPs(kept) < allPs * 1.01 + 10 * PS_PER_US)
  assert.ok(run(xoffBytes + headroom * 0.7).counters.droppedPackets > 0)
})

test('pauses take their time on the link they go over', () => {
  // Host 1 is slow, so host 0 is told to stop and go on, packet by packet; host 2 fills its link.
  const propagationPs = 10_000
  const base = star({ hosts: 3, ...terms, propagationS: propagationPs / PS_PER_S })
  const slow = { ...base.links[1], bytesPerSecond: terms.bytesPerSecond / 10 }
  const links = base.links.map((one) => (one.a === 1 ? { ...one, ...slow } : one))
  const network = build(
    { ...base, links },
    { switches: { ...deep, pause: { xoffBytes: 200_000, xonBytes: 199_000 } } },
  )
  network.addFlow({ source: 0, destination: 1, bytes: 10_000 * PAYLOAD, startPs: 0 })
  network.addFlow({ source: 2, destination: 0, bytes: 10_000 * PAYLOAD, startPs: 0 })
  const untilPs = 2e9
  network.run({ untilPs })
  const packetBytes = PAYLOAD + HEADER_BYTES
  const capacity = (untilPs - propagationPs) / 80 - packetBytes
  const pauseBytes = 72 * 2 * (network.switches.pauseControl?.pauses ?? 0)
  assert.ok(pauseBytes > 4 * packetBytes)
  // Port 1 leads to host 0. The last packet has only begun.
  const used = (network.transmitters.sentBytes[1] ?? 0) + pauseBytes
  assert.ok(Math.abs(used - capacity) <= packetBytes + 72, `${used} of ${capacity}`)
})

test('spraying uses all paths of a fat-tree alike, and a flow by itself only one', () => {
  const topology = fatTree({ k: 4, ...terms })
  for (const multipath of ['packet', 'flow'] as const) {
    const network = new PacketNetwork({
      topology,
      switches: deep,
      transport: fixedWindow({ payloadBytes: PAYLOAD, window: 1e9, timeoutPs: 1e12 }),
      multipath,
      seed: 9,
    })
    assert.equal(network.paths, 4)
    network.addFlow({ source: 0, destination: 15, bytes: 400 * PAYLOAD, startPs: 0 })
    network.run()
    const core = topology.hosts + 16
    const toCores = [...network.transmitters.sentBytes.entries()]
      .filter(([port, bytes]) => (network.ports.to[port] ?? 0) >= core && bytes > 100 * PAYLOAD)
      .map(([, bytes]) => bytes / (PAYLOAD + HEADER_BYTES))
    assert.deepEqual(
      toCores.map((packets) => Math.round(packets / 10) * 10),
      multipath === 'packet' ? [100, 100, 100, 100] : [400],
    )
  }
})

test('a shared buffer gives a queue alpha times what is free', () => {
  for (const alpha of [0.5, 1, 4]) {
    const bytes = 500_000
    const network = build(star({ hosts: 17, ...terms }), {
      switches: { bufferBytes: 1e9, shared: { bytes, alpha } },
    })
    for (let host = 1; host < 17; host++) {
      network.addFlow({ source: host, destination: 0, bytes: 100 * PAYLOAD, startPs: 0 })
    }
    network.run({ untilPs: 1e9 })
    const peak = Math.max(...network.switches.peakBytes)
    const expected = (bytes * alpha) / (1 + alpha)
    assert.ok(peak <= expected && peak > expected - 2 * (PAYLOAD + HEADER_BYTES), `${peak}`)
    assert.ok(network.counters.droppedPackets > 0)
  }
})

test('a probe sees the queue of an incast rise and fall', () => {
  const depths: number[] = []
  const network = build(star({ hosts: 5, ...terms }), {
    probe: {
      everyPs: PS_PER_US,
      sample: ({ ports }) => depths.push(ports.plainBytes[1] ?? 0),
    },
  })
  for (let host = 1; host < 5; host++) {
    network.addFlow({ source: host, destination: 0, bytes: 50 * PAYLOAD, startPs: 0 })
  }
  network.run()
  const peak = Math.max(...depths)
  assert.ok(depths[0] === 0 && depths.at(-1) === 0)
  assert.ok(Math.abs(peak / (150 * (PAYLOAD + HEADER_BYTES)) - 1) < 0.05, `${peak}`)
})

test('a network refuses to grow beyond its packets', () => {
  const network = new PacketNetwork({
    topology: star({ hosts: 2, ...terms }),
    switches: deep,
    transport: fixedWindow({ payloadBytes: PAYLOAD, window: 1e9, timeoutPs: 1e12 }),
    multipath: 'flow',
    seed: 1,
    packetsMax: 3000,
  })
  network.addFlow({ source: 0, destination: 1, bytes: 4000 * PAYLOAD, startPs: 0 })
  assert.throws(() => network.run(), { code: 'SIM_TOO_LARGE' })
})

test('a fat-tree of 12-port switches has 432 hosts and 36 paths between pods', () => {
  const topology = fatTree({ k: 12, ...terms })
  assert.equal(topology.hosts, 432)
  assert.equal(topology.switches, 180)
  assert.equal(topology.links.length, 3 * 432)
  assert.equal(build(topology).paths, 36)
  assert.throws(() => fatTree({ k: 5, ...terms }), { code: 'BAD_PARAM' })
})
