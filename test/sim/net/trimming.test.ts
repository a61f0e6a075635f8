import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FLAG, HEADER_BYTES, KIND } from '../../../src/sim/net/packet.js'
import { PacketNetwork } from '../../../src/sim/net/packet-network.js'
import type { SwitchOptions, Trimming } from '../../../src/sim/net/switch-options.js'
import { star } from '../../../src/sim/net/topology.js'
import type { Network, Transport } from '../../../src/sim/net/transport.js'
import { checkBooks } from './census.js'

const PAYLOAD = 4096
const FULL = PAYLOAD + HEADER_BYTES

/** Sends all of a flow at once and counts what comes of it, by flow. */
class Blast implements Transport {
  readonly name = 'blast'
  readonly whole: number[] = []
  readonly headers: number[] = []
  readonly returned: number[] = []
  readonly #network: Network

  constructor(network: Network) {
    this.#network = network
  }

  start(flow: number): void {
    const { flows, packets } = this.#network
    for (let left = flows.bytes[flow] ?? 0, i = 0; left > 0; left -= PAYLOAD, i++) {
      const packet = this.#network.toReceiver(flow, KIND.data, PAYLOAD, 0)
      packets.sequence[packet] = i
      this.#network.send(packet)
    }
  }

  receiverGot(packet: number): void {
    const { packets } = this.#network
    const isHeader = ((packets.flags[packet] ?? 0) & FLAG.trimmed) !== 0
    const counts = isHeader ? this.headers : this.whole
    const flow = packets.flow[packet] ?? 0
    assert.equal(packets.payload[packet], isHeader ? 0 : PAYLOAD)
    assert.equal(packets.bytes[packet], isHeader ? HEADER_BYTES : FULL)
    counts[flow] = (counts[flow] ?? 0) + 1
  }

  senderGot(packet: number): void {
    const { flow, flags } = this.#network.packets
    assert.ok(((flags[packet] ?? 0) & FLAG.returned) !== 0)
    this.returned[flow[packet] ?? 0] = (this.returned[flow[packet] ?? 0] ?? 0) + 1
  }

  flowTimer(): void {}
  hostTimer(): void {}
}

function run(senders: number, packets: number, trim: Trimming, untilPs?: number) {
  const made: Blast[] = []
  const switches: SwitchOptions = { bufferBytes: 8 * FULL, trim }
  const network = new PacketNetwork({
    topology: star({ hosts: senders + 1, bytesPerSecond: 12.5e9, propagationS: 1e-6 }),
    switches,
    transport: (of) => {
      const blast = new Blast(of)
      made.push(blast)
      return blast
    },
    multipath: 'flow',
    seed: 3,
  })
  for (let host = 1; host <= senders; host++) {
    network.addFlow({ source: host, destination: 0, bytes: packets * PAYLOAD, startPs: 0 })
  }
  network.run(untilPs === undefined ? {} : { untilPs })
  checkBooks(network)
  const [blast] = made
  assert.ok(blast !== undefined)
  return { network, blast }
}

const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0)

test('a queue that is full keeps the header of every packet, and nothing is lost', () => {
  const { network, blast } = run(10, 100, { urgentBytes: 1e6 })
  assert.equal(network.counters.droppedPackets, 0)
  assert.equal(sum(blast.whole) + sum(blast.headers), 1000)
  assert.equal(sum(blast.headers), network.counters.trimmedPackets)
  assert.ok(sum(blast.headers) > 800)
})

test('headers are served ten to one while payload waits, and payload still moves', () => {
  const sentPs = 20 * FULL * 80
  const { blast } = run(200, 20, { urgentBytes: 1e6 }, sentPs)
  const share = (sum(blast.whole) * FULL * 80) / sentPs
  // While all send, ten headers go for each full packet at most; 2 us pass before the first.
  const least = FULL / (FULL + 10 * HEADER_BYTES)
  assert.ok(share >= least - (2e6 + 2 * FULL * 80) / sentPs, `${share}`)
})

test('two senders that keep time with each other lose alike', () => {
  const { blast } = run(2, 400, { urgentBytes: 1e6 })
  const [first = 0, second = 0] = blast.whole
  assert.ok(Math.abs(first - second) < 0.2 * (first + second), `${first} and ${second}`)
})

test('headers that find no room go back to their senders when asked to', () => {
  const urgentBytes = 4 * HEADER_BYTES
  const lost = run(64, 50, { urgentBytes }).network.counters
  assert.ok(lost.droppedPackets > 0 && lost.returnedPackets === 0)
  const { network, blast } = run(64, 50, { urgentBytes, isReturning: true })
  assert.equal(network.counters.droppedPackets, 0)
  assert.equal(sum(blast.returned), network.counters.returnedPackets)
  assert.equal(sum(blast.whole) + sum(blast.headers) + sum(blast.returned), 64 * 50)
})
