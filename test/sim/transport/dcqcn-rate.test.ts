import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DCQCN, DcqcnRate } from '../../../src/sim/transport/dcqcn-rate.js'

const LINE = 5e9

function near(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) <= 1e-9 * Math.abs(expected), `${actual}, not ${expected}`)
}

test('the first notification halves the rate of the line', () => {
  const control = new DcqcnRate(LINE)
  control.notified(0)
  assert.equal(control.target, LINE)
  assert.equal(control.rate, LINE / 2)
  assert.equal(control.alphaAt(0), 1)
})

test('alpha decays by 255/256 each 55 us of quiet, and weighs the next cut', () => {
  const control = new DcqcnRate(LINE)
  control.notified(0)
  const nowPs = 100 * DCQCN.alphaPs + 1
  const alpha = (255 / 256) ** 100
  near(control.alphaAt(nowPs), alpha)
  control.notified(nowPs)
  near(control.rate, (LINE / 2) * (1 - alpha / 2))
  near(control.alphaAt(nowPs), (255 / 256) * alpha + 1 / 256)
})

test('steps halve the way back, then raise the target by 40 Mb/s, then by 400 Mb/s', () => {
  const control = new DcqcnRate(LINE)
  control.notified(0)
  control.notified(0)
  const [target, cut] = [control.target, control.rate]
  assert.equal(target, LINE / 2)
  for (let step = 1; step < 5; step++) {
    control.timerStep()
    near(control.rate, target - (target - cut) / 2 ** step)
    assert.equal(control.target, target)
  }
  control.timerStep()
  near(control.target, target + 40e6 / 8)
  for (let step = 1; step <= 5; step++) control.sent(DCQCN.byteCount)
  near(control.target, target + 6 * (40e6 / 8))
  control.timerStep()
  near(control.target, target + 7 * (40e6 / 8))
  control.sent(DCQCN.byteCount)
  near(control.target, target + 7 * (40e6 / 8) + 400e6 / 8)
})

test('a rate returns to that of the line and stays there', () => {
  const control = new DcqcnRate(LINE)
  control.notified(0)
  let steps = 0
  while (!control.isAtLine && steps < 100) {
    control.timerStep()
    steps++
  }
  assert.equal(control.rate, LINE)
  assert.ok(steps >= 9 && steps <= 10, `${steps} halvings of one half to a thousandth`)
  for (let i = 0; i < 1000; i++) control.notified(i * 1000)
  assert.equal(control.rate, LINE * DCQCN.leastShare)
})
