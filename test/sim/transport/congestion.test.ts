import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Ack, Congestion } from '../../../src/sim/transport/congestion.js'
import { Cubic } from '../../../src/sim/transport/cubic.js'
import { Dctcp } from '../../../src/sim/transport/dctcp.js'
import { NewReno } from '../../../src/sim/transport/new-reno.js'
import { RoundTrip } from '../../../src/sim/transport/round-trip.js'
import { Swift } from '../../../src/sim/transport/swift.js'

const US = 1e6
const S = 1e12

/** One packet acknowledged by a sender whose window is full. */
function ack(changed: Partial<Ack> = {}): Ack {
  return {
    nowPs: 0,
    packets: 1,
    acked: 1,
    highest: 10,
    roundTripPs: 100 * US,
    smoothedPs: 100 * US,
    isMarked: false,
    isRecovering: false,
    isWindowFull: true,
    ...changed,
  }
}

/** A window of acknowledgements, spread over one round trip. */
function roundTrip(control: Congestion, startPs: number, roundTripPs: number): void {
  const packets = Math.floor(control.window)
  for (let i = 1; i <= packets; i++) {
    const nowPs = startPs + (i / packets) * roundTripPs
    control.acked(ack({ nowPs, roundTripPs, smoothedPs: roundTripPs }))
  }
}

function near(actual: number, expected: number, share: number): void {
  const isNear = Math.abs(actual - expected) <= share * Math.abs(expected)
  assert.ok(isNear, `${actual} is not within ${share * 100} % of ${expected}`)
}

const loss = (inFlight: number) => ({ nowPs: 0, inFlight, smoothedPs: 100 * US })

test('the time-out follows RFC 6298: smoothed plus four variations, doubled by each time-out', () => {
  const estimate = new RoundTrip(80 * US, 10 * US)
  assert.equal(estimate.timeoutPs, 80 * US + 4 * 40 * US)
  estimate.sample(160 * US)
  assert.equal(estimate.smoothedPs, 90 * US)
  assert.equal(estimate.timeoutPs, 90 * US + 4 * (40 + 10) * US)
  estimate.backOff()
  estimate.backOff()
  assert.equal(estimate.timeoutPs, 4 * 290 * US)
  for (let i = 0; i < 100; i++) estimate.sample(50 * US)
  near(estimate.smoothedPs, 50 * US, 1e-4)
  near(estimate.timeoutPs, 50 * US, 1e-3)
  assert.equal(new RoundTrip(80 * US, 500 * US).timeoutPs, 500 * US)
})

test('NewReno doubles a round trip below the threshold and adds one above it', () => {
  const control = new NewReno(10)
  roundTrip(control, 0, US)
  assert.equal(control.window, 20)
  control.lost(loss(20))
  assert.equal(control.window, 10)
  control.recovered(10)
  assert.equal(control.window, 10)
  roundTrip(control, 0, US)
  near(control.window, 11, 0.01)
  control.timedOut(loss(11), 1)
  assert.equal(control.window, 1)
  control.timedOut(loss(1), 2)
  for (const window of [2, 4]) {
    roundTrip(control, 0, US)
    assert.equal(control.window, window)
  }
  roundTrip(control, 0, US)
  assert.ok(
    control.window > 5.5 && control.window < 7,
    'the threshold is that of the first time-out',
  )
})

test('a window that is not used does not grow', () => {
  const controls = [
    new NewReno(10),
    new Cubic(10),
    new Dctcp(10),
    new Swift({ idlePs: 200 * US, queuePs: US, initialWindow: 10 }),
  ]
  for (const control of controls) {
    control.acked(ack({ isWindowFull: false }))
    assert.equal(control.window, 10)
  }
})

test('CUBIC follows the curve of RFC 9438, back to its old window and beyond', () => {
  const roundTripPs = 0.1 * S
  const control = new Cubic(1000)
  control.lost(loss(1000))
  assert.equal(control.window, 700)
  control.recovered(700)
  const k = Math.cbrt(300 / 0.4)
  const startPs = roundTripPs / 700
  for (let atPs = 0; atPs < 1.6 * k * S; atPs += roundTripPs) {
    roundTrip(control, atPs, roundTripPs)
    const seconds = (atPs + roundTripPs - startPs) / S
    near(control.window, 0.4 * (seconds - k) ** 3 + 1000, 0.01)
  }
  assert.ok(control.window > 1060)
})

test('CUBIC is as fast as Reno where its curve is slower', () => {
  const control = new Cubic(20)
  control.lost(loss(20))
  control.recovered(14)
  for (let i = 0; i < 20; i++) roundTrip(control, i * 100 * US, 100 * US)
  // Section 4.3: alpha = 3 * 0.3 / 1.7 packets a round trip until the old window, then one.
  const slow = (20 - 14) / (0.9 / 1.7)
  near(control.window, 20 + (20 - slow), 0.05)
})

test('CUBIC gives way when it loses again below its old window (fast convergence)', () => {
  const control = new Cubic(1000)
  control.lost(loss(1000))
  control.recovered(700)
  control.lost(loss(700))
  control.recovered(490)
  const k = Math.cbrt((700 * 0.85 - 490) / 0.4)
  for (let atPs = 0; atPs < k * S; atPs += 0.1 * S) roundTrip(control, atPs, 0.1 * S)
  near(control.window, 700 * 0.85, 0.01)
})

test('DCTCP averages the share of marks and cuts by half of it, once a window', () => {
  const control = new Dctcp(100)
  let [acked, highest] = [0, 100]
  for (let round = 0; round < 200; round++) {
    for (let i = 0; i < 100; i++) {
      acked++
      control.acked(ack({ acked, highest, isMarked: i % 4 === 0 }))
    }
    highest += 100
  }
  near(control.alpha, 0.25, 0.1)
  const { alpha } = control
  const before = control.window
  control.acked(ack({ acked: highest + 1, highest: highest + 50, isMarked: true }))
  const cut = control.window
  near(cut / before, 1 - alpha / 2, 0.02)
  control.acked(ack({ acked: highest + 2, highest: highest + 51, isMarked: true }))
  assert.equal(control.window, cut)
  control.acked(ack({ acked: highest + 51, highest: highest + 99, isMarked: true }))
  assert.ok(control.window < cut)
})

test('DCTCP with every packet marked halves, as TCP does', () => {
  const control = new Dctcp(64)
  control.acked(ack({ acked: 1, highest: 64, isMarked: true }))
  assert.equal(control.window, 32)
})

test('Swift adds one packet a round trip below its target and cuts by the excess above it', () => {
  const control = new Swift({ idlePs: 100 * US, queuePs: 50 * US, initialWindow: 1000 })
  assert.equal(control.targetPs, 150 * US)
  roundTrip(control, 0, 100 * US)
  near(control.window, 1001, 1e-4)
  const late = ack({ nowPs: S, roundTripPs: 200 * US, smoothedPs: 200 * US })
  control.acked(late)
  near(control.window, 1001 * (1 - 0.8 * 0.25), 1e-4)
  control.acked(late)
  near(control.window, 1001 * 0.8, 1e-4)
  control.acked({ ...late, nowPs: 2 * S, roundTripPs: 1e6 * US })
  near(control.window, 1001 * 0.4, 1e-4)
})

test('the target of Swift rises as the window falls, within its range', () => {
  const target = (initialWindow: number): number =>
    new Swift({ idlePs: 100 * US, queuePs: 20 * US, initialWindow }).targetPs
  assert.equal(target(100), 120 * US)
  near(target(0.1), 220 * US, 1e-9)
  assert.equal(target(0.01), target(0.1))
  const alpha = (5 * 20) / (1 / Math.sqrt(0.1) - 1 / Math.sqrt(100))
  near(target(4), (120 + alpha * (1 / 2 - 1 / 10)) * US, 1e-9)
})

test('Swift starts over after five time-outs, and only then', () => {
  const control = new Swift({ idlePs: 100 * US, queuePs: 20 * US, initialWindow: 64 })
  for (let attempt = 1; attempt < 5; attempt++) {
    control.timedOut({ nowPs: attempt * S, inFlight: 1, smoothedPs: 100 * US }, attempt)
  }
  assert.equal(control.window, 4)
  control.timedOut({ nowPs: 5 * S, inFlight: 1, smoothedPs: 100 * US }, 5)
  assert.equal(control.window, 0.001)
})

test('no window leaves its range, whatever happens', () => {
  const event = fc.record({
    kind: fc.constantFrom('ack', 'mark', 'late', 'lost', 'timeout'),
    inFlight: fc.integer({ min: 1, max: 1000 }),
  })
  fc.assert(
    fc.property(fc.array(event, { maxLength: 200 }), (events) => {
      const swift = new Swift({ idlePs: 100 * US, queuePs: 20 * US, initialWindow: 10 })
      for (const control of [new NewReno(10), new Cubic(10), new Dctcp(10), swift]) {
        events.forEach(({ kind, inFlight }, i) => {
          const nowPs = i * 50 * US
          const said = ack({ nowPs, acked: i, highest: i + inFlight, isMarked: kind === 'mark' })
          if (kind === 'lost') control.lost({ ...loss(inFlight), nowPs })
          else if (kind === 'timeout') control.timedOut({ ...loss(inFlight), nowPs }, 1)
          else control.acked(kind === 'late' ? { ...said, roundTripPs: S } : said)
          const least = control === swift ? 0.001 : 1
          assert.ok(control.window >= least && control.window < 1e5)
        })
      }
    }),
  )
})
