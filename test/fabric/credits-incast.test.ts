import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type IncastOptions, runWithCredits, runWithoutCredits } from '../support/incast-run.js'

/** 16 domains behind one port of 1 Gbit/s with a buffer of 100 kB. */
const INCAST: IncastOptions = {
  domains: 16,
  nsPerByte: 8,
  bufferBytes: 100_000,
  propagationUs: 20,
  hostUs: 10,
  computeUs: 20,
  seed: 7,
  rounds: 10,
  warmUpRounds: 5,
  replyBytes: 0,
}

for (const kilobytes of [8, 16, 32, 64, 128, 256, 512]) {
  test(`credits keep an incast of ${kilobytes} kB replies free of drops at the rate of the link`, () => {
    const options = { ...INCAST, replyBytes: kilobytes * 1000 }
    const credited = runWithCredits(options)
    assert.equal(credited.dropped, 0)
    assert.ok(credited.goodput >= 0.9, `goodput ${credited.goodput}`)
    const other = runWithoutCredits(options)
    assert.ok(other.dropped > 0, 'the network never lost a packet')
    assert.ok(other.timeouts > 0, 'no sender without credits ran into its time-out')
    const worst = Math.max(...credited.roundsUs)
    assert.ok(worst <= Math.max(...other.roundsUs) / 3, `${worst} us`)
  })
}

const VARIANTS: ReadonlyArray<[name: string, change: Partial<IncastOptions>, least: number]> = [
  ['the first rounds of a link', { replyBytes: 64_000, warmUpRounds: 0 }, 0.9],
  ['replies that become ready at different times', { replyBytes: 64_000, computeUs: 2000 }, 0.8],
  ['slow hosts', { replyBytes: 64_000, hostUs: 130 }, 0.9],
  ['one domain', { replyBytes: 256_000, domains: 1 }, 0.9],
  ['64 domains', { replyBytes: 32_000, domains: 64 }, 0.9],
  ['100 Mbit/s', { replyBytes: 32_000, nsPerByte: 80, bufferBytes: 50_000 }, 0.9],
]

for (const [name, change, least] of VARIANTS) {
  test(`credits keep the link busy and free of drops with ${name}`, () => {
    const { dropped, goodput } = runWithCredits({ ...INCAST, ...change })
    assert.equal(dropped, 0)
    assert.ok(goodput >= least, `goodput ${goodput}`)
  })
}

test('replies that fit cost no message but the dispatch', () => {
  const small = { ...INCAST, domains: 4, replyBytes: 8000 }
  const { grantFrames, wantFrames, roundsUs } = runWithCredits(small)
  assert.equal(wantFrames, 0)
  assert.equal(grantFrames, 0)
  // Serialisation of all replies, propagation both ways, hosts, and the longest compute.
  assert.ok(Math.max(...roundsUs) <= 4 * 8000 * 0.008 * 1.07 + 2 * 20 + 2 * 10 + 20 + 40)
})

test('an incast repeats exactly', () => {
  const options = { ...INCAST, replyBytes: 32_000, rounds: 3 }
  assert.deepEqual(runWithCredits(options), runWithCredits(options))
  assert.deepEqual(runWithoutCredits(options), runWithoutCredits(options))
})
