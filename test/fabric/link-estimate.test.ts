import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CreditWindow } from '../../src/fabric/credit-window.js'
import {
  DeliveryRate,
  INITIAL_BYTES_PER_SECOND,
  RoundTrip,
} from '../../src/fabric/link-estimate.js'

const GIGABIT = 125_000_000
const SECOND_US = 1_000_000

/** Packets of 1250 bytes, one each 10 us: 1 Gbit/s. */
function stream(
  rate: DeliveryRate,
  { startUs, packets, everyUs = 10, isBacklogged = true }: StreamOptions,
): number {
  for (let i = 0; i < packets; i++) {
    rate.arrived(1250, { nowUs: startUs + i * everyUs, isBacklogged })
  }
  return startUs + packets * everyUs
}

type StreamOptions = {
  startUs: number
  packets: number
  everyUs?: number
  isBacklogged?: boolean
}

test('RoundTrip is the least of the last seconds', () => {
  const roundTrip = new RoundTrip()
  assert.equal(roundTrip.leastUs, undefined)
  roundTrip.sample(300, 0)
  roundTrip.sample(120, 1 * SECOND_US)
  roundTrip.sample(900, 2 * SECOND_US)
  assert.equal(roundTrip.leastUs, 120)
  for (let second = 3; second < 14; second++) roundTrip.sample(500, second * SECOND_US)
  assert.equal(roundTrip.leastUs, 500)
})

test('RoundTrip keeps what it knew over an idle time', () => {
  const roundTrip = new RoundTrip()
  roundTrip.sample(120, 0)
  assert.equal(roundTrip.leastUs, 120)
  roundTrip.sample(4000, 3600 * SECOND_US)
  assert.equal(roundTrip.leastUs, 120)
})

test('DeliveryRate starts low and finds the rate of the link', () => {
  const rate = new DeliveryRate()
  assert.equal(rate.bytesPerSecond, INITIAL_BYTES_PER_SECOND)
  stream(rate, { startUs: 0, packets: 100 })
  assert.equal(rate.bytesPerSecond, GIGABIT)
})

test('DeliveryRate is not lowered by idle times and slow senders', () => {
  const rate = new DeliveryRate()
  const endUs = stream(rate, { startUs: 0, packets: 100 })
  rate.idle()
  stream(rate, { startUs: endUs + 60 * SECOND_US, packets: 30, isBacklogged: false })
  assert.equal(rate.bytesPerSecond, GIGABIT)
  const slow = { packets: 20_000, everyUs: 1000, isBacklogged: false }
  stream(rate, { startUs: endUs + 70 * SECOND_US, ...slow })
  assert.equal(rate.bytesPerSecond, GIGABIT)
})

test('DeliveryRate follows a link that became slower while it is busy', () => {
  const rate = new DeliveryRate()
  const endUs = stream(rate, { startUs: 0, packets: 100 })
  stream(rate, { startUs: endUs, packets: 120_000, everyUs: 100 })
  assert.equal(rate.bytesPerSecond, GIGABIT / 10)
})

test('DeliveryRate does not take the speed of a batch for that of the link', () => {
  const rate = new DeliveryRate()
  for (let batch = 0; batch < 100; batch++) {
    for (let i = 0; i < 40; i++) {
      rate.arrived(1250, { nowUs: batch * 400 + (i >> 3), isBacklogged: true })
    }
  }
  assert.ok(rate.bytesPerSecond <= GIGABIT * 1.02, String(rate.bytesPerSecond))
})

test('DeliveryRate measures answers too short for a sample of their own', () => {
  const rate = new DeliveryRate()
  for (let step = 0; step < 20; step++) {
    stream(rate, { startUs: step * 5000, packets: 10 })
    rate.idle()
  }
  assert.equal(rate.bytesPerSecond, GIGABIT)
})

test('CreditWindow fits a buffer of 100 kB at 1 Gbit/s up to a round trip of 300 us', () => {
  const window = new CreditWindow()
  for (const roundTripUs of [0, 50, 100, 200, 300]) {
    window.update(GIGABIT, roundTripUs)
    assert.ok(window.bytes >= (GIGABIT * roundTripUs) / SECOND_US)
    const withHeaders = (window.bytes * 1538) / 1448
    assert.ok(withHeaders <= 100_000, `${withHeaders} bytes at ${roundTripUs} us`)
  }
})

test('CreditWindow leaves a ready sender the whole pipe', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1_000_000, max: 12_500_000_000 }),
      fc.integer({ min: 0, max: 100_000 }),
      (bytesPerSecond, roundTripUs) => {
        const window = new CreditWindow()
        window.update(bytesPerSecond, roundTripUs)
        const pipe = window.forRoundTrip(roundTripUs) - window.forRoundTrip(0)
        assert.ok(window.bytes - window.aheadBytes >= Math.min(pipe, 64 * 1024 * 1024))
        assert.ok(window.turnBytes <= window.bytes - window.aheadBytes || window.turnBytes === 2896)
        assert.ok(Number.isSafeInteger(window.bytes) && Number.isSafeInteger(window.aheadBytes))
      },
    ),
    { seed: 3, numRuns: 500 },
  )
})

test('CreditWindow hands out a bucket at once and then the pace', () => {
  const window = new CreditWindow()
  window.update(GIGABIT, 0)
  let nowUs = SECOND_US
  let taken = 0
  while (window.pace(1000, nowUs)) taken += 1000
  assert.ok(taken >= window.bytes - 1000 && taken <= window.bytes)
  const startUs = nowUs
  for (let i = 0; i < 1000; i++) {
    nowUs = window.paceUs(1000, nowUs)
    assert.ok(window.pace(1000, nowUs), 'the time named was too early')
  }
  const perSecond = (1_000_000 * SECOND_US) / (nowUs - startUs)
  assert.ok(perSecond <= GIGABIT * 1.26 && perSecond >= GIGABIT * 1.0, String(perSecond))
})

test('CreditWindow halves its share after a stall and grows it back', () => {
  const window = new CreditWindow()
  window.update(GIGABIT, 100)
  const before = window.bytes
  window.stalled()
  const after = window.bytes
  assert.ok(after < before && after >= before / 2)
  for (let i = 0; i < 20_000; i++) {
    window.arrived(1448)
    window.update(GIGABIT, 100)
  }
  assert.equal(window.bytes, before)
  for (let i = 0; i < 50; i++) window.stalled()
  window.update(GIGABIT, 0)
  assert.ok(window.bytes >= 4 * 1448)
})
