import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { EVENT, Events } from '../../../src/sim/net/events.js'
import { Timers } from '../../../src/sim/net/timers.js'
import { WheelQueue } from '../../../src/sim/net/wheel-queue.js'

const SLOT_COUNT = 3

/** Sets (to a delay) or cancels one of three timers, so much later than the step before. */
const steps = fc.array(
  fc.record({
    waitPs: fc.nat({ max: 50 }),
    timer: fc.nat({ max: SLOT_COUNT - 1 }),
    delayPs: fc.option(fc.nat({ max: 200 })),
  }),
  { maxLength: 60 },
)

test('Timers run out when they were last set to, once, and never when cancelled', () => {
  fc.assert(
    fc.property(steps, (list) => {
      const events = new Events(new WheelQueue())
      const timers = new Timers(events, EVENT.flowTimer)
      const due = new Map<number, number>()
      const runTo = (untilPs: number): void => {
        while (events.next(untilPs)) {
          if (!timers.isDue(events.subject)) continue
          assert.equal(due.get(events.subject), events.nowPs)
          due.delete(events.subject)
          assert.ok(!timers.isSet(events.subject))
        }
        for (const atPs of due.values()) assert.ok(atPs > untilPs)
      }
      for (const { waitPs, timer, delayPs } of list) {
        runTo(events.nowPs + waitPs)
        if (delayPs === null) {
          timers.cancel(timer)
          due.delete(timer)
        } else {
          timers.set(timer, events.nowPs + delayPs)
          due.set(timer, events.nowPs + delayPs)
        }
        assert.equal(timers.isSet(timer), due.has(timer))
      }
      runTo(events.nowPs + 1000)
      assert.equal(due.size, 0)
      assert.equal(events.waiting, 0)
    }),
    { seed: 6, numRuns: 300 },
  )
})

test('a timer set back again and again costs an event only now and then', () => {
  const events = new Events(new WheelQueue())
  const timers = new Timers(events, EVENT.flowTimer)
  for (let i = 0; i < 1000; i++) {
    events.next(events.nowPs + 1)
    timers.set(0, events.nowPs + 500)
  }
  assert.ok(events.waiting + events.count <= 4)
})
