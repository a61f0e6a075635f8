import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FairQueue } from '../../../src/sim/net/fair-queue.js'
import { PacketPool } from '../../../src/sim/net/packet-pool.js'

class World {
  readonly packets = new PacketPool(1 << 12)
  readonly queue = new FairQueue(this.packets)

  add(flow: number, bytes: number): number {
    const packet = this.packets.allocate()
    this.packets.flow[packet] = flow
    this.packets.bytes[packet] = bytes
    this.queue.append(packet)
    return packet
  }

  take(): { flow: number; bytes: number; packet: number } {
    const packet = this.queue.take()
    return {
      packet,
      flow: this.packets.flow[packet] ?? -1,
      bytes: this.packets.bytes[packet] ?? 0,
    }
  }
}

test('a flow that had nothing waiting goes before those that have', () => {
  const world = new World()
  for (let i = 0; i < 50; i++) for (const flow of [1, 2, 3]) world.add(flow, 1500)
  for (let i = 0; i < 9; i++) world.take()
  world.add(4, 64)
  assert.equal(world.take().flow, 4)
})

test('a flow that is fresh again and again keeps nobody from their turns', () => {
  const world = new World()
  for (let i = 0; i < 20; i++) world.add(1, 1500)
  let ofOther = 0
  for (let i = 0; i < 30; i++) {
    world.add(2, 1500)
    if (world.take().flow === 1) ofOther++
  }
  assert.ok(ofOther >= 14, `${ofOther} of 30`)
})

test('flows that have something waiting get the same bytes', () => {
  const world = new World()
  const sizes = [1500, 700, 100]
  sizes.forEach((bytes, flow) => {
    for (let sum = 0; sum < 200_000; sum += bytes) world.add(flow, bytes)
  })
  const served = sizes.map(() => 0)
  for (let sum = 0; sum < 300_000; ) {
    const { flow, bytes } = world.take()
    served[flow] = (served[flow] ?? 0) + bytes
    sum += bytes
    // A turn, and a packet that began within it.
    assert.ok(Math.max(...served) - Math.min(...served) <= 2 * 1514 + 1500, `${served}`)
  }
})

test('each packet comes out once, and those of a flow in their order', () => {
  const step = fc.record({ flow: fc.nat({ max: 5 }), bytes: fc.integer({ min: 64, max: 9000 }) })
  fc.assert(
    fc.property(fc.array(fc.option(step), { maxLength: 300 }), (steps) => {
      const world = new World()
      const expected = new Map<number, number[]>()
      let count = 0
      const take = (): void => {
        const { flow, packet } = world.take()
        assert.equal(expected.get(flow)?.shift(), packet)
        count--
      }
      for (const one of steps) {
        if (one !== null) {
          const packet = world.add(one.flow, one.bytes)
          expected.set(one.flow, [...(expected.get(one.flow) ?? []), packet])
          count++
        } else if (count > 0) take()
        assert.equal(world.queue.isEmpty, count === 0)
        assert.equal(world.queue.waiting().length, count)
      }
      while (count > 0) take()
      assert.ok(world.queue.isEmpty)
    }),
  )
})
