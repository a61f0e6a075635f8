import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { defined } from '../../../src/base/assert.js'
import { nextNicRate } from '../../../src/plan/cost/advice.js'
import { type Estimate, estimate } from '../../../src/plan/cost/estimate.js'
import { COST_OPTIONS } from '../../../src/plan/cost/options.js'
import type { Candidate } from '../../../src/plan/cost/quick.js'
import { quickEstimate } from '../../../src/plan/cost/quick.js'
import type { Fleet } from '../../../src/plan/fleet/fleet.js'
import { CHAT, fleet, gigabit, host, model } from './support.js'

const NIC = { bytesPerSecond: gigabit(25), transportS: 20e-6 }

function answer(candidate: Candidate): Estimate {
  const result = estimate(candidate)
  assert.ok(result.fits, 'fits' in result && !result.fits ? result.text : '')
  return result
}

function ofGeforces(count: number, gigabits = 25): Fleet {
  const nic = { bytesPerSecond: gigabit(gigabits), transportS: 20e-6 }
  return fleet({ head: host('rtx-5090', { nic }), domains: [host('rtx-4090', { count, nic })] })
}

const DEEPSEEK = model('deepseek-v3', 'fp8/q4_K')

test('the parts of a step add up to it, and their shares to 1', () => {
  const options = fc.record({
    microBatches: fc.constantFrom<1 | 2>(1, 2),
    headSplit: fc.constantFrom<'layers' | 'tensor'>('layers', 'tensor'),
  })
  fc.assert(
    fc.property(options, fc.integer({ min: 24, max: 60 }), (changed, count) => {
      const result = answer({
        model: DEEPSEEK,
        fleet: ofGeforces(count),
        workload: CHAT,
        options: { ...COST_OPTIONS, ...changed },
      })
      for (const { parts, stepS, tpotS } of result.curve) {
        const seconds = parts.reduce((sum, part) => sum + part.seconds, 0)
        assert.ok(Math.abs(seconds - stepS) <= 1e-12 * stepS + 1e-15)
        assert.ok(Math.abs(parts.reduce((sum, part) => sum + part.share, 0) - 1) < 1e-9)
        assert.equal(tpotS, stepS)
      }
    }),
    { numRuns: 10 },
  )
})

test('throughput grows along the curve, and quickEstimate finds the same best', () => {
  const candidate = { model: DEEPSEEK, fleet: ofGeforces(30, 100), workload: CHAT }
  const { curve, best } = answer(candidate)
  const rates = curve.map(({ outputTokensPerSecond }) => outputTokensPerSecond)
  assert.deepEqual(
    rates,
    rates.toSorted((a, b) => a - b),
  )
  const quick = quickEstimate(candidate)
  assert.ok(quick.fits)
  assert.equal(quick.best?.batch, best?.batch)
  for (const one of curve) {
    if (one.meetsLimits) assert.ok(one.batch <= (best?.batch ?? 0) * 1.02 + 1)
  }
})

test('where pages spill anyway, cache for many users is worth more than pages for one', () => {
  const one = host('rtx-3090')
  const asked = {
    model: model('qwen3-235b-a22b', 'q4_K'),
    fleet: fleet({ head: one, domains: [{ ...one, count: 4 }] }),
  }
  const best = (batches: readonly number[]) => {
    const found = quickEstimate({ ...asked, workload: { ...CHAT, batches } })
    assert.ok(found.fits)
    return { most: found.maxBatch, tokens: defined(found.best, 'best').outputTokensPerSecond }
  }
  const [alone, many] = [best([1]), best([1, 4, 16, 64])]
  assert.ok(many.most >= 16 && alone.most < 4)
  assert.ok(many.tokens > 1.5 * alone.tokens)
})

test('no sequence is let in whose KV cache has no room', () => {
  const { curve, maxBatch, sequenceBytes, placement } = answer({
    model: DEEPSEEK,
    fleet: ofGeforces(30),
    workload: CHAT,
  })
  assert.ok(maxBatch * sequenceBytes <= placement.cacheRoomBytes)
  assert.ok((maxBatch + 1) * sequenceBytes > placement.cacheRoomBytes)
  assert.equal(Math.max(...curve.map(({ batch }) => batch)), maxBatch)
})

test('more domains do not help where the head has a slow port, and do where it has a fast one', () => {
  const kinds = (gigabits: number): string[] =>
    answer({ model: DEEPSEEK, fleet: ofGeforces(30, gigabits), workload: CHAT }).verdicts.map(
      ({ kind }) => kind,
    )
  assert.ok(kinds(10).includes('dead-zone'))
  assert.ok(!kinds(800).includes('dead-zone'))
})

test('in the dead zone throughput stays under what the port of the head can carry', () => {
  const { verdicts } = answer({ model: DEEPSEEK, fleet: ofGeforces(30, 10), workload: CHAT })
  const dead = verdicts.find(({ kind }) => kind === 'dead-zone')
  assert.ok(dead !== undefined)
  const { capShare = 0, gain = 0 } = dead.numbers
  assert.ok(capShare > 0.3 && capShare <= 1, `${capShare} of the cap`)
  assert.ok(gain < 1.05)
})

test('one box that holds the whole model beats a fleet for one user', () => {
  const small = model('qwen3-30b-a3b', 'q4_K')
  const domains = [host('rtx-3090', { count: 2, nic: NIC })]
  const { verdicts } = answer({
    model: small,
    fleet: fleet({ head: host('rtx-5090', { nic: NIC }), domains }),
    workload: CHAT,
  })
  const box = verdicts.find(({ kind }) => kind === 'one-box')
  assert.ok(box !== undefined)
  assert.ok((box.numbers.boxTpotS ?? 1) < (box.numbers.fleetTpotS ?? 0))
})

test('a fleet beats one box that has to read its experts from a disk', () => {
  const { verdicts } = answer({ model: DEEPSEEK, fleet: ofGeforces(30, 100), workload: CHAT })
  assert.ok(!verdicts.some(({ kind }) => kind === 'one-box'))
})

test('weights outside of cards are told, and make a plan an assumption', () => {
  const alone = fleet({ head: host('rtx-5090', { ramBytes: 768e9, ramBytesPerSecond: 400e9 }) })
  const { verdicts, curve } = answer({
    model: DEEPSEEK,
    fleet: alone,
    workload: { ...CHAT, batches: [1] },
  })
  assert.ok(verdicts.some(({ kind }) => kind === 'slow-pages'))
  assert.equal(curve[0]?.confidence, 'assumed')
})

test('advice is what the same change brings when it is made', () => {
  const candidate = { model: DEEPSEEK, fleet: ofGeforces(30), workload: CHAT }
  const { advice, best } = answer(candidate)
  const combine = advice.find(({ change }) => change === 'combine in q8_0')
  assert.ok(combine?.throughputGain !== undefined && best !== undefined)
  const changed = answer({
    ...candidate,
    fleet: { ...candidate.fleet, combineBytesPerValue: 1.0625 },
  })
  const gain = (changed.best?.outputTokensPerSecond ?? 0) / best.outputTokensPerSecond
  assert.ok(Math.abs(gain - combine.throughputGain) < 1e-9)
})

test('with slow networks the NIC is named, with fast ones the memory of cards', () => {
  const resource = (gigabits: number, batch: number): string => {
    const workload = { ...CHAT, batches: [batch] }
    const [first] = answer({ model: DEEPSEEK, fleet: ofGeforces(30, gigabits), workload }).curve
    return first?.bottleneck.resource ?? ''
  }
  assert.match(resource(1, 64), /NIC/)
  assert.match(resource(800, 1), /memory bandwidth/)
})

test('a rack with few users is held up by memory, with many by arithmetic or its link', () => {
  const rack = fleet({ head: host('gb200', { cards: 4, count: 18 }), layout: 'whole' })
  const resource = (batch: number): string => {
    const workload = { ...CHAT, batches: [batch] }
    const [first] = answer({ model: DEEPSEEK, fleet: rack, workload }).curve
    return first?.bottleneck.resource ?? ''
  }
  assert.match(resource(1), /memory|latency/)
  assert.match(resource(20_000), /arithmetic|link/)
})

test('advice names the next faster NIC that one can buy', () => {
  assert.equal(nextNicRate(gigabit(25)), gigabit(40))
  assert.equal(nextNicRate(gigabit(100)), gigabit(200))
  assert.equal(nextNicRate(gigabit(800)), undefined)
})

test('measured cards make the parts on them measured', () => {
  const one = ofGeforces(30)
  const measured = { flopsPerSecond: 1e14, bytesPerSecond: 8e11 }
  const domains = one.domains.map((domain) => ({
    ...domain,
    cards: domain.cards.map((group) => ({ ...group, measured })),
  }))
  const [first] = answer({ model: DEEPSEEK, fleet: { ...one, domains }, workload: CHAT }).curve
  const parts = new Map(first?.parts.map(({ part, confidence }) => [part, confidence]))
  assert.equal(parts.get('experts'), 'measured')
  assert.equal(parts.get('attention'), 'datasheet')
})

test('most of the prompt in a cache brings the first token sooner and more tokens out', () => {
  const one = { model: DEEPSEEK, fleet: ofGeforces(30), workload: CHAT }
  const [cold] = answer(one).curve
  const [warm] = answer({ ...one, workload: { ...CHAT, cachedShare: 0.9 } }).curve
  assert.ok(cold !== undefined && warm !== undefined)
  assert.ok(warm.ttftS < cold.ttftS && warm.tpotS < cold.tpotS)
})

test('a prompt that is all in the cache still takes a step to its first token', () => {
  const workload = { ...CHAT, cachedShare: 1 }
  const [first] = answer({ model: DEEPSEEK, fleet: ofGeforces(30), workload }).curve
  assert.ok(first !== undefined && first.ttftS > 0 && Number.isFinite(first.ttftS))
})

test('a fleet that is too small is answered with a shortage', () => {
  const result = estimate({
    model: DEEPSEEK,
    fleet: fleet({ head: host('rtx-3090') }),
    workload: {
      ...CHAT,
      promptTokens: 160_000,
      batches: [512],
    },
  })
  assert.ok(!result.fits)
  assert.match(result.text, /lacks/)
})
