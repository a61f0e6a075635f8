import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { defined } from '../../../src/base/assert.js'
import { findRack } from '../../../src/plan/catalog/racks.js'
import { CONFIDENCES } from '../../../src/plan/cost/confidence.js'
import { rackFleet } from '../../../src/plan/fleet/rack-fleet.js'
import { timesRack } from '../../../src/plan/report/make-alternatives.js'
import { makePlan } from '../../../src/plan/report/make-plan.js'
import { denseBatches } from '../../../src/plan/report/offer.js'
import { CHAT, fleet, gigabit, host, model } from '../cost/support.js'
import { near, planOf, SMALL } from './support.js'

const H100S = { id: '8xh100', fleet: rackFleet(findRack('8xh100')) }
const NVL72 = { id: 'gb200-nvl72', fleet: rackFleet(findRack('gb200-nvl72')) }

test('a million tokens cost the hours that it takes to make them, idle ones too', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.05, max: 1, noNaN: true }), (utilisation) => {
      const { cost, speed, workload } = planOf({ workload: { ...SMALL.workload, utilisation } })
      const hours = 1e6 / (speed.reference.outputTokensPerSecond * utilisation * 3600)
      near(cost.outputMtokUsd, cost.hourUsd * hours)
      const { promptTokens, outputTokens } = workload
      near(cost.outputMtokUsd / cost.totalMtokUsd, (promptTokens + outputTokens) / outputTokens)
      assert.equal(cost.paidShare, utilisation)
    }),
    { numRuns: 5 },
  )
})

test('the parts of an hour add up to it, and those of a step to the step', () => {
  const { cost, speed } = planOf()
  const own = defined(cost.own, 'cost of owning')
  const { capitalUsd, maintenanceUsd, energyUsd, colocationUsd } = own
  near(capitalUsd + maintenanceUsd + energyUsd + colocationUsd, cost.hourUsd)
  for (const { parts, stepS } of [speed.decode, speed.prefill, speed.reference]) {
    near(
      parts.reduce((sum, { seconds }) => sum + seconds, 0),
      stepS,
    )
  }
})

test('every part of a step that takes time names what holds it up', () => {
  const nic = { bytesPerSecond: gigabit(1), transportS: 20e-6 }
  const slow = fleet({ head: host('rtx-5090', { nic }), domains: [host('rtx-3090', { nic })] })
  const { decode, prefill } = planOf({ fleet: slow, workload: { ...CHAT, ttftS: 100 } }).speed
  for (const { part, seconds, bottleneck } of [...decode.parts, ...prefill.parts]) {
    assert.equal(bottleneck !== undefined, seconds > 0, part)
    if (part === 'dispatch') assert.match(defined(bottleneck, part).resource, /NIC/)
    if (part === 'cache') assert.match(defined(bottleneck, part).resource, /the head's cards/)
  }
})

test('rented cards are not paid for while there is no work', () => {
  const rented = { ...SMALL.fleet, owned: false, hourUsd: 2 }
  const { cost, speed, value, sensitivity } = planOf({ fleet: rented })
  near(cost.outputMtokUsd, (2 * 1e6) / (speed.reference.outputTokensPerSecond * 3600))
  assert.deepEqual([cost.how, cost.paidShare, value, sensitivity], ['given', 1, undefined, []])
})

test('a rented fleet ties with itself', () => {
  const itself = { ...SMALL.fleet, owned: false, hourUsd: 2 }
  const plan = planOf({ fleet: itself, alternatives: [{ id: 'itself', fleet: itself }] })
  const { comparison } = defined(plan.alternatives[0], 'alternative')
  near(defined(comparison, 'comparison').costRatio, 1)
  near(defined(comparison, 'comparison').aloneRatio, 1)
  for (const { outputMtokUsd, alternatives } of plan.bySpeed) {
    near(defined(alternatives[0]?.outputMtokUsd, 'theirs'), defined(outputMtokUsd, 'ours'), 0.2)
  }
  assert.match(plan.answer.sentences.join('\n'), /^test is a tie: /m)
})

test('what would tie follows from how far apart two are', () => {
  const { alternatives, speed, cost } = planOf({ alternatives: [H100S, NVL72] })
  for (const { comparison } of alternatives) {
    const { costRatio, tieTokensPerSecond, tieUtilisation } = defined(comparison, 'comparison')
    near(tieTokensPerSecond / speed.reference.outputTokensPerSecond, costRatio)
    near(defined(tieUtilisation, 'utilisation') / cost.paidShare, costRatio)
  }
})

test('a rack is as much slower than estimated as its measured run is', () => {
  const work = { workload: { ...CHAT, promptTokens: 1024, outputTokens: 1024 } }
  const asked = { ...work, model: model('gpt-oss-120b'), fleet: H100S.fleet }
  const held = planOf(asked).speed
  const { ratio } = defined(held.measured, 'run')
  assert.ok(ratio > 1)
  const otherwise = planOf({ ...asked, workload: { ...work.workload, promptTokens: 1000 } }).speed
  assert.equal(otherwise.measured, undefined)
  assert.ok(defined(otherwise.throughputSpread, 'spread') > 1)
  const alone = (speed: typeof held): number => defined(speed.batches[0], 'batch').tpotS
  near(alone(held) / alone(otherwise), ratio, 0.02)
})

test('what tokens cost in a measured run follows from its speed and the price of an hour', () => {
  const workload = { ...CHAT, promptTokens: 1024, outputTokens: 1024 }
  const asked = { workload, model: model('gpt-oss-120b'), alternatives: [H100S] }
  const [rival] = planOf(asked).alternatives
  const { measured, measuredMtokUsd, hourUsd, cards } = defined(rival, 'rival')
  const perCard = defined(measured, 'run').totalTokensPerSecondPerCard / 2
  near(defined(measuredMtokUsd, 'cost'), (hourUsd * 1e6) / (cards * perCard * 3600))
})

test('an answer within the error of speeds says so, one beyond it does not', () => {
  const cost = planOf().cost.hourUsd
  const rival = (hourUsd: number) => ({ id: 'x', fleet: { ...H100S.fleet, hourUsd } })
  const at = (hourUsd: number): string =>
    planOf({ alternatives: [rival(hourUsd)] }).answer.sentences.join(' ')
  const { costRatio } = defined(
    planOf({ alternatives: [rival(cost)] }).alternatives[0]?.comparison,
    'comparison',
  )
  assert.match(at(cost * costRatio * 1.5), /not sure/)
  assert.doesNotMatch(at(cost * costRatio * 50), /not sure/)
})

test('break-even months repay the price, and losing fleets have none', () => {
  const cheap = timesRack(NVL72.fleet, 1)
  const dear = { ...NVL72, fleet: { ...cheap, hourUsd: 1e5 } }
  const { alternatives, cost, speed } = planOf({ alternatives: [NVL72, dear] })
  const [lost, won] = alternatives.map(({ comparison }) => comparison)
  assert.ok(defined(lost, 'lost').costRatio > 1)
  assert.equal(lost?.breakEvenMonths, undefined)
  const months = defined(won?.breakEvenMonths, 'months')
  const own = defined(cost.own, 'own')
  const saved =
    (defined(alternatives[1]?.best, 'best').outputMtokUsd *
      speed.reference.outputTokensPerSecond *
      cost.paidShare *
      3600) /
      1e6 -
    (own.totalUsd - own.capitalUsd)
  const monthly = 1.1 ** (1 / 12) - 1
  const worth = (saved * 730 * (1 - (1 + monthly) ** -months)) / monthly
  near(worth, cost.upfrontUsd, 1e-6)
})

test('a rack that is too small is taken as often as it needs, at as much money', () => {
  const big = { model: model('deepseek-v3'), workload: { ...CHAT, batches: [1] } }
  const fat = fleet({ head: host('rtx-pro-6000', { cards: 2 }), domains: [] })
  const many = fleet({ ...fat, domains: [host('rtx-pro-6000', { cards: 8, count: 2 })] })
  const [alternative] = planOf({ ...big, fleet: many, alternatives: [H100S] }).alternatives
  const { cards, hourUsd, name } = defined(alternative, 'alternative')
  assert.equal(cards % 8, 0)
  assert.ok(cards * 80e9 > 671e9)
  near(hourUsd / cards, 1.3)
  assert.match(name, /^\d+ x 8 x H100/)
})

test('margins: a price at which nothing is left leaves nothing', () => {
  const ask = (outputUsd: number, inputUsd: number) =>
    defined(planOf({ prices: { outputUsd, inputUsd, cachedInputUsd: 0 } }).cost.margin, 'margin')
  const { breakEvenOutputUsd, grossMargin, markup } = ask(3, 0.1)
  near(markup, grossMargin / (1 - grossMargin), 1e-6)
  assert.ok(Math.abs(ask(breakEvenOutputUsd, 0.1).grossMargin) < 1e-9)
})

test('faster network cards never make tokens fewer', () => {
  const rates = planOf().byNic.map(({ outputTokensPerSecond = 0 }) => outputTokensPerSecond)
  assert.ok(rates.length > 5)
  rates.slice(1).forEach((rate, at) => {
    assert.ok(rate >= (rates[at] ?? 0) * 0.98, `${rate} after ${rates[at]}`)
  })
})

test('value starts at what the cards are worth and spreads', () => {
  const { value, cost } = planOf()
  const { months } = defined(value, 'value')
  const [first, last] = [defined(months[0], 'first'), defined(months.at(-1), 'last')]
  assert.deepEqual([first.low, first.median, first.high], [1, 1, 1])
  assert.ok(last.low < last.median && last.median < last.high)
  const spread = defined(cost.outputMtokSpread, 'spread')
  assert.ok(0 < spread.low && spread.low <= spread.median && spread.median <= spread.high)
})

test('the same request makes the same plan', () => {
  assert.deepEqual(planOf({ alternatives: [H100S] }), planOf({ alternatives: [H100S] }))
})

test('a plan is plain JSON: no infinity, nothing lost, all confidences known', () => {
  const plan = planOf({ alternatives: [H100S, NVL72] })
  assert.deepEqual(JSON.parse(JSON.stringify(plan)), plan)
  const found = JSON.stringify(plan).matchAll(/"confidence":"(\w+)"/g)
  for (const [, name = ''] of found) assert.ok((CONFIDENCES as readonly string[]).includes(name))
})

test('bytes of hosts add up to the model', () => {
  const { placement, model: about } = planOf()
  const bytes = placement.hosts.reduce(
    (sum, { count, trunk, pages }) => {
      const all = (of: typeof pages): number => of.device + of.ram + of.disk
      return { trunk: sum.trunk + count * all(trunk), pages: sum.pages + count * all(pages) }
    },
    { trunk: 0, pages: 0 },
  )
  near(bytes.trunk, about.trunkBytes)
  near(bytes.pages, about.expertBytes)
})

test('what does not fit is refused with a remedy', () => {
  const plan = makePlan({ ...SMALL, model: model('kimi-k2') })
  const tiny = fleet({ head: host('rtx-5090', { ramBytes: 8e9, diskBytes: 0 }) })
  const refused = makePlan({ ...SMALL, model: model('kimi-k2'), fleet: tiny })
  assert.ok(plan.fits, 'disks hold it')
  assert.ok(!refused.fits)
  assert.equal(refused.answer.judgement, 'no')
  assert.match(refused.answer.sentences[0] ?? '', /does not fit/)
})

test('answers say no where a fleet loses, and where more of it does not help', () => {
  const nic = { bytesPerSecond: gigabit(25), transportS: 20e-6 }
  const slow = fleet({
    head: host('rtx-5090', { nic, ramBytes: 256e9, priceUsd: 900 }),
    domains: [host('rtx-5090', { nic, count: 24, priceUsd: 600 })],
  })
  const big = { model: model('deepseek-v3', 'fp8/mxfp4'), fleet: slow }
  const asked = { ...big, workload: { ...CHAT, tpotS: 0.3 } }
  const plan = planOf({ ...asked, alternatives: [NVL72] })
  const text = plan.answer.sentences.join('\n')
  assert.equal(plan.answer.judgement, 'mixed')
  assert.match(text, /cheaper elsewhere, but not a whole rack for you alone/)
  const gift = { id: 'gift', fleet: { ...NVL72.fleet, hourUsd: 1 } }
  assert.equal(planOf({ ...asked, alternatives: [NVL72, gift] }).answer.judgement, 'mixed')
  assert.equal(planOf({ ...asked, alternatives: [gift] }).answer.judgement, 'no')
  assert.match(text, /^NO against GB200 NVL72 when it is always full: /m)
  assert.match(text, /^NO to more of the same: /m)
})

test('dense batches have both ends and no gap of more than a half', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100 }),
      fc.integer({ min: 1, max: 1000 }),
      (low, more) => {
        const batches = denseBatches(low, low * more)
        assert.equal(batches[0], low)
        assert.equal(batches.at(-1), low * more)
        batches.slice(1).forEach((batch, at) => {
          assert.ok(batch > (batches[at] ?? 0) && batch <= 2 * (batches[at] ?? 0))
        })
      },
    ),
  )
})
