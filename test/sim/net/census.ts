import assert from 'node:assert/strict'
import type { PacketNetwork } from '../../../src/sim/net/packet-network.js'

/** Counts every packet and byte where it is, against what the network keeps count of. */
export function checkBooks(network: PacketNetwork): void {
  const { counters, ports, packets, switches } = network
  const used = new Map<number, number>()
  const held = new Map<number, number>()
  let queuedPackets = 0
  let queuedBytes = 0
  for (let port = 0; port < ports.count; port++) {
    const waiting = ports.waiting(port)
    const bytes = waiting.reduce((sum, packet) => sum + (packets.bytes[packet] ?? 0), 0)
    assert.equal((ports.plainBytes[port] ?? 0) + (ports.urgentBytes[port] ?? 0), bytes)
    queuedPackets += waiting.length
    queuedBytes += bytes
    add(used, ports.from[port] ?? 0, bytes)
    for (const packet of waiting) {
      const isUrgent = ((packets.flags[packet] ?? 0) & 2) !== 0
      if (!isUrgent) add(held, packets.ingress[packet] ?? -1, packets.bytes[packet] ?? 0)
    }
  }
  for (let node = network.hosts; node < switches.usedBytes.length; node++) {
    assert.equal(switches.usedBytes[node], used.get(node) ?? 0)
  }
  for (const [port, bytes] of (switches.pauseControl?.heldBytes ?? []).entries()) {
    assert.equal(bytes, held.get(port) ?? 0)
  }
  assert.equal(packets.live, queuedPackets + counters.flyingPackets)
  assert.equal(
    counters.sentPackets,
    counters.arrivedPackets + counters.droppedPackets + queuedPackets + counters.flyingPackets,
  )
  const { arrivedBytes, droppedBytes, trimmedBytes, flyingBytes } = counters
  const accounted = arrivedBytes + droppedBytes + trimmedBytes + queuedBytes + flyingBytes
  assert.equal(counters.sentBytes, accounted)
}

function add(sums: Map<number, number>, key: number, bytes: number): void {
  sums.set(key, (sums.get(key) ?? 0) + bytes)
}
