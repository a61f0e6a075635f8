import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { StepLoad } from '../../../src/plan/cost/load.js'
import { COST_OPTIONS } from '../../../src/plan/cost/options.js'
import { stepTimes } from '../../../src/plan/cost/step-time.js'
import type { Fleet } from '../../../src/plan/fleet/fleet.js'
import { fleet, gigabit, host, model } from './support.js'

const QWEN = model('qwen3-235b-a22b', 'q4_K')

const fleets: fc.Arbitrary<Fleet> = fc
  .record({
    head: fc.constantFrom('rtx-5090', 'h100-sxm'),
    card: fc.constantFrom('rtx-3090', 'rtx-4090', 'rtx-5090'),
    count: fc.integer({ min: 1, max: 24 }),
    cards: fc.integer({ min: 1, max: 4 }),
    gigabits: fc.constantFrom(1, 10, 25, 100),
  })
  .map(({ head, card, count, cards, gigabits }) => {
    const nic = { bytesPerSecond: gigabit(gigabits), transportS: 20e-6 }
    const domains = [host(card, { count, cards, nic })]
    return fleet({ head: host(head, { nic }), domains })
  })

const loads: fc.Arbitrary<StepLoad> = fc.record({
  prefillTokens: fc.integer({ min: 0, max: 4096 }),
  decodeSequences: fc.integer({ min: 1, max: 512 }),
  contextTokens: fc.integer({ min: 1, max: 8192 }),
})

function seconds(one: Fleet, load: StepLoad): number {
  return stepTimes(QWEN, one)(load)
}

test('a faster network, memory or card never slows a step', () => {
  fc.assert(
    fc.property(fleets, loads, (one, load) => {
      const before = seconds(one, load)
      const faster = (change: (of: Fleet['head']) => Fleet['head']): Fleet => ({
        ...one,
        head: change(one.head),
        domains: one.domains.map(change),
      })
      const changes = [
        faster((of) => ({ ...of, nic: { ...of.nic, bytesPerSecond: 2 * of.nic.bytesPerSecond } })),
        faster((of) => ({ ...of, nic: { ...of.nic, transportS: of.nic.transportS / 2 } })),
        faster((of) => ({ ...of, ramBytesPerSecond: 2 * of.ramBytesPerSecond })),
        faster((of) => ({
          ...of,
          cards: of.cards.map((group) => ({
            ...group,
            card: {
              ...group.card,
              bandwidth: { ...group.card.bandwidth, value: 2 * group.card.bandwidth.value },
            },
          })),
        })),
      ]
      for (const changed of changes) assert.ok(seconds(changed, load) <= before * (1 + 1e-9))
    }),
  )
})

test('more work never takes less time', () => {
  fc.assert(
    fc.property(fleets, loads, (one, load) => {
      const time = stepTimes(QWEN, one)
      const before = time(load) * (1 - 1e-9)
      assert.ok(time({ ...load, decodeSequences: load.decodeSequences + 1 }) >= before)
      assert.ok(time({ ...load, prefillTokens: load.prefillTokens + 1 }) >= before)
      assert.ok(time({ ...load, contextTokens: load.contextTokens + 1 }) >= before)
    }),
  )
})

test('a larger batch never lowers tokens per second', () => {
  fc.assert(
    fc.property(fleets, loads, (one, { decodeSequences, contextTokens }) => {
      const time = stepTimes(QWEN, one)
      const rate = (sequences: number): number =>
        sequences / time({ prefillTokens: 0, decodeSequences: sequences, contextTokens })
      assert.ok(rate(decodeSequences + 1) >= rate(decodeSequences) * (1 - 1e-9))
    }),
  )
})

test('two micro-batches never take longer than one after the other', () => {
  fc.assert(
    fc.property(fleets, loads, (one, load) => {
      const half = { ...load, prefillTokens: load.prefillTokens / 2 }
      half.decodeSequences /= 2
      const turns = stepTimes(QWEN, one, { ...COST_OPTIONS, microBatches: 2 })(load)
      assert.ok(turns <= 2 * seconds(one, half) * (1 + 1e-9))
      assert.ok(turns >= seconds(one, half))
    }),
  )
})

test('what does not fit is refused with what is missing', () => {
  const head = host('rtx-3090', { ramBytes: 0, diskBytes: 0 })
  assert.throws(() => stepTimes(model('deepseek-v3'), fleet({ head })), {
    code: 'PLAN_DOES_NOT_FIT',
  })
})
