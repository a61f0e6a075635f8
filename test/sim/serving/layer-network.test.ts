import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { roundTokens } from '../../../src/sim/serving/layer-costs.js'
import { closedForm, type Exchange, flowModel } from '../../../src/sim/serving/layer-network.js'

const LINKS = {
  headBytesPerSecond: 1e6,
  domainBytesPerSecond: [1e6, 1e6, 1e6, 5e5],
  latencyS: 0.001,
  bufferBytes: 1e6,
}

const exchange = fc.record({
  domain: fc.integer({ min: 0, max: 3 }),
  dispatchBytes: fc.integer({ min: 1, max: 1e6 }),
  computeS: fc.double({ min: 0, max: 2, noNaN: true }),
  combineBytes: fc.integer({ min: 1, max: 1e6 }),
})

test('both networks agree where there is nothing to overlap', () => {
  const one: Exchange = { domain: 3, dispatchBytes: 1000, computeS: 0.5, combineBytes: 2000 }
  const expected = 0.001 + 0.002 + 0.5 + 0.001 + 0.004
  assert.ok(Math.abs(closedForm(LINKS)([one]) - expected) < 1e-12)
  assert.ok(Math.abs(flowModel(LINKS)([one]) - expected) < 1e-12)
})

test('flowModel is never slower than one part after the other, nor faster than each alone', () => {
  fc.assert(
    fc.property(fc.array(exchange, { minLength: 1, maxLength: 12 }), (exchanges) => {
      const flowS = flowModel(LINKS)(exchanges)
      const sum = (of: (one: Exchange) => number): number =>
        exchanges.reduce((all, one) => all + of(one), 0)
      assert.ok(flowS >= Math.max(...exchanges.map(({ computeS }) => computeS)))
      assert.ok(flowS >= sum(({ dispatchBytes }) => dispatchBytes) / 1e6)
      assert.ok(flowS >= sum(({ combineBytes }) => combineBytes) / 1e6)
      const isEven = exchanges.every(({ domain }) => domain < 3)
      if (isEven) assert.ok(flowS <= closedForm(LINKS)(exchanges) + 1e-9)
    }),
  )
})

test('a domain on the host of the head needs no wire', () => {
  const local = { domain: 0, dispatchBytes: 0, computeS: 0.25, combineBytes: 0 }
  assert.equal(closedForm(LINKS)([local]), 0.25)
  assert.equal(flowModel(LINKS)([local]), 0.25)
})

test('roundTokens keeps small steps and is within 1.6 % of large ones', () => {
  for (let tokens = 1; tokens < 10_000; tokens++) {
    const rounded = roundTokens(tokens)
    if (tokens <= 64) assert.equal(rounded, tokens)
    else assert.ok(Math.abs(rounded / tokens - 1) < 0.016 + 0.5 / tokens)
  }
})
