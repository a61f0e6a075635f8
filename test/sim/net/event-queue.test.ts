import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { HeapQueue } from '../../../src/sim/net/event-heap.js'
import type { EventQueue } from '../../../src/sim/net/event-queue.js'
import { WheelQueue } from '../../../src/sim/net/wheel-queue.js'

const queues: ReadonlyArray<readonly [string, () => EventQueue]> = [
  ['heap', () => new HeapQueue()],
  ['wheel', () => new WheelQueue()],
  ['small wheel', () => new WheelQueue({ slotPs: 4, slots: 1024 })],
]

/** Delays near, within a turn, and many turns away, with many ties. */
const delay = fc.oneof(
  fc.integer({ min: 0, max: 8 }),
  fc.integer({ min: 0, max: 5000 }),
  fc.integer({ min: 0, max: 2 ** 40 }),
)
const steps = fc.array(fc.oneof(delay, fc.constant('pop' as const)), { maxLength: 300 })

for (const [name, create] of queues) {
  test(`a ${name} gives events by time and ties in order of arrival`, () => {
    fc.assert(
      fc.property(steps, (list) => {
        const queue = create()
        const waiting: Array<{ timePs: number; code: number }> = []
        let nowPs = 0
        for (const [code, step] of [...list, ...list.map(() => 'pop' as const)].entries()) {
          if (step !== 'pop') {
            queue.push(nowPs + step, code)
            waiting.push({ timePs: nowPs + step, code })
            continue
          }
          waiting.sort((a, b) => a.timePs - b.timePs || a.code - b.code)
          const first = waiting.shift()
          assert.equal(queue.nextPs(), first?.timePs ?? Number.POSITIVE_INFINITY)
          if (first === undefined) continue
          assert.equal(queue.pop(), first.code)
          nowPs = first.timePs
          assert.equal(queue.size, waiting.length)
        }
      }),
      { seed: 1, numRuns: 300 },
    )
  })
}

test('a wheel takes events before the one it last looked at', () => {
  const queue = new WheelQueue()
  queue.push(1e9, 1)
  assert.equal(queue.nextPs(), 1e9)
  queue.push(5, 2)
  assert.deepEqual([queue.nextPs(), queue.pop(), queue.nextPs(), queue.pop()], [5, 2, 1e9, 1])
})
