import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  EFFICIENCY,
  type Efficiency,
  type VendorEfficiency,
} from '../../../src/plan/cost/efficiency.js'
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

/** Every rate times `factor`, every latency by it. */
function scaled(one: Fleet, factor: number): Fleet {
  const figure = <T extends { readonly value: number }>(of: T): T => ({
    ...of,
    value: of.value * factor,
  })
  const scale = (of: Fleet['head']): Fleet['head'] => ({
    ...of,
    nic: {
      bytesPerSecond: of.nic.bytesPerSecond * factor,
      transportS: of.nic.transportS / factor,
    },
    ramBytesPerSecond: of.ramBytesPerSecond * factor,
    diskBytesPerSecond: of.diskBytesPerSecond * factor,
    cards: of.cards.map(({ card, count }) => ({
      count,
      card: {
        ...card,
        bandwidth: figure(card.bandwidth),
        rates: card.rates.map(figure),
        ...(card.hostLink && { hostLink: figure(card.hostLink) }),
      },
    })),
  })
  const latencyS = one.switch.latencyS / factor
  return {
    ...one,
    head: scale(one.head),
    domains: one.domains.map(scale),
    switch: { ...one.switch, latencyS },
  }
}

test('with every rate doubled and every latency halved a step takes half as long', () => {
  const { vendors, ...constants } = EFFICIENCY
  const swift = (of: VendorEfficiency): VendorEfficiency => ({ ...of, layerS: of.layerS / 2 })
  const halved: Efficiency = {
    ...constants,
    hostHopS: constants.hostHopS / 2,
    vendors: { ...vendors, nvidia: swift(vendors.nvidia), others: swift(vendors.others) },
  }
  fc.assert(
    fc.property(fleets, loads, (one, load) => {
      const fast = stepTimes(QWEN, scaled(one, 2), { ...COST_OPTIONS, efficiency: halved })(load)
      const before = seconds(one, load)
      assert.ok(Math.abs(2 * fast - before) < 1e-9 * before)
    }),
  )
})

const RACK = fleet({ head: host('gb200', { cards: 4, count: 18 }), layout: 'whole' })

test('a rack takes no less time for more work, and gives no fewer tokens for it', () => {
  const time = stepTimes(model('deepseek-v3'), RACK)
  fc.assert(
    fc.property(loads, (load) => {
      const more = { ...load, decodeSequences: load.decodeSequences + 1 }
      const before = time(load)
      assert.ok(time(more) >= before * (1 - 1e-9))
      assert.ok(time({ ...load, prefillTokens: load.prefillTokens + 72 }) >= before * (1 - 1e-9))
      assert.ok(more.decodeSequences / time(more) >= (load.decodeSequences / before) * (1 - 1e-9))
    }),
  )
})

test('a step without work takes its fixed time', () => {
  const time = stepTimes(model('deepseek-v3'), RACK)
  const idle = time({ prefillTokens: 0, decodeSequences: 0, contextTokens: 0 })
  assert.ok(idle > 0)
  assert.ok(idle <= time({ prefillTokens: 0, decodeSequences: 1, contextTokens: 1 }))
})

test('what does not fit is refused with what is missing', () => {
  const head = host('rtx-3090', { ramBytes: 0, diskBytes: 0 })
  assert.throws(() => stepTimes(model('deepseek-v3'), fleet({ head })), {
    code: 'PLAN_DOES_NOT_FIT',
  })
})
