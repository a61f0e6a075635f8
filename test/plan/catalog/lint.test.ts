import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkRate } from '../../../src/plan/catalog/arithmetic.js'
import type { Card, Rate } from '../../../src/plan/catalog/card.js'
import { CARDS, findCard } from '../../../src/plan/catalog/catalogue.js'
import { cite } from '../../../src/plan/catalog/figures.js'
import { lintCard, lintRack } from '../../../src/plan/catalog/lint.js'
import { RACKS } from '../../../src/plan/catalog/racks.js'

const BLOG = cite('a blog', 'weak')

/** The card with other rates in the place of those of the same format and accumulator. */
function withRates(id: string, rates: readonly Rate[]): Card {
  const card = findCard(id)
  const isOther = (rate: Rate) =>
    !rates.some((one) => one.format === rate.format && one.accumulator === rate.accumulator)
  return { ...card, rates: [...card.rates.filter(isOther), ...rates] }
}

test('every card passes the lint', () => {
  assert.deepEqual(CARDS.flatMap(lintCard), [])
})

test('every rack passes the lint', () => {
  assert.deepEqual(RACKS.flatMap(lintRack), [])
})

const WRONG: ReadonlyArray<readonly [name: string, row: Card, problem: RegExp]> = [
  [
    'BF16 of a 5090 as if it did not halve it',
    withRates('rtx-5090', BLOG.teraflops({ 'bf16/fp32': 419 })),
    /bf16\/fp32 is not half of fp16\/fp16/,
  ],
  [
    'FP16 of a 5090 with sparsity',
    withRates('rtx-5090', BLOG.teraflops({ 'fp16/fp16': 838 })),
    /fp16\/fp16 is 2048 FLOP per clock and unit, sm_120 does 1024/,
  ],
  [
    'FP16 of a GB10 as mmapeak counts it',
    withRates('gb10', BLOG.teraflops({ 'fp16/fp16': 213 })),
    /fp16\/fp16 is 1759 FLOP per clock and unit, no power of two/,
  ],
  [
    'FP16 of a B200 with sparsity',
    withRates('b200', BLOG.teraflops({ 'fp16/fp32': 4500 })),
    /fp8 is 1\.00 times fp16/,
  ],
  [
    'all of a B200 with sparsity',
    withRates(
      'b200',
      BLOG.teraflops({
        'bf16/fp32': 4500,
        'fp16/fp32': 4500,
        'fp8/fp32': 9000,
        'fp4/fp32': 18_000,
      }),
    ),
    /bf16\/fp32 is 16\d\d\d FLOP per clock and unit, sm_100 does 8192/,
  ],
  [
    'more usable than there is',
    { ...findCard('h200-sxm'), usableMemory: BLOG.gib(145) },
    /usableMemory is larger than memory/,
  ],
  ['a clock above the limit', { ...findCard('b200'), clock: BLOG.ghz(3.71) }, /clock is higher/],
  ['a figure without a source', { ...findCard('b200'), l2: cite('', 'weak').gib(1) }, /no source/],
  ['a clock in watts', { ...findCard('v100'), clock: BLOG.watts(1.53e9) }, /in W, not Hz/],
  [
    'a price without a date',
    {
      ...findCard('v100'),
      prices: [BLOG.price({ kind: 'used', usd: 1, date: 'lately', venue: 'here' })],
    },
    /no date but 'lately'/,
  ],
]

for (const [name, row, problem] of WRONG) {
  test(`lintCard refuses ${name}`, () => {
    const problems = lintCard(row)
    assert.ok(
      problems.some((one) => problem.test(one)),
      problems.join('\n'),
    )
  })
}

test('checkRate finds any power of two, and nothing beside the tolerance', () => {
  const card: Card = { ...findCard('rtx-5090'), clock: BLOG.ghz(2), units: BLOG.count(100) }
  const exponent = fc.integer({ min: 5, max: 16 })
  const deviation = fc.double({ min: -0.24, max: 0.24, noNaN: true })
  fc.assert(
    fc.property(exponent, deviation, (power, share) => {
      const [rate] = BLOG.teraflops({ 'fp16/fp32': (2 ** power * 100 * 2e9 * (1 + share)) / 1e12 })
      assert.ok(rate !== undefined)
      const check = checkRate(card, rate)
      assert.equal(check.power, 2 ** power)
      assert.ok(Math.abs(check.deviation - share) < 1e-6)
      if (Math.abs(Math.abs(share) - 0.01) < 1e-6) return
      assert.equal(check.verdict, Math.abs(share) < 0.01 ? 'holds' : 'fails')
    }),
  )
})

test('checkRate says when agreement confirms nothing', () => {
  const verdicts = (id: string) =>
    findCard(id).rates.map((rate) => `${rate.format} ${checkRate(findCard(id), rate).verdict}`)
  assert.ok(verdicts('h100-sxm').includes('bf16 holds'))
  assert.ok(verdicts('b200').includes('bf16 inferred'))
  assert.ok(verdicts('gb300').includes('fp4 unchecked'))
})
