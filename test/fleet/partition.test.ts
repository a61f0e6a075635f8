import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { NO_EXPERT, Partition, type RouterChoice } from '../../src/fleet/partition.js'
import { NO_DOMAIN } from '../../src/pages/holder-table.js'

const EXPERTS = 16

const cases = fc
  .record({
    domains: fc.integer({ min: 1, max: 5 }),
    tokens: fc.integer({ min: 1, max: 40 }),
    nUsed: fc.integer({ min: 1, max: 6 }),
    experts: fc.infiniteStream(fc.nat(EXPERTS - 1)),
    holders: fc.infiniteStream(fc.nat(4)),
  })
  .map(({ domains, tokens, nUsed, experts, holders }) => {
    const pairs = tokens * nUsed
    const choice: RouterChoice = {
      tokens,
      nUsed,
      experts: Int32Array.from(experts.take(pairs)),
      // Each weight names its pair.
      weights: Float32Array.from({ length: pairs }, (_, pair) => pair),
    }
    const held = Uint16Array.from(holders.take(EXPERTS), (holder) => holder % domains)
    return { domains, choice, holders: held }
  })

test('Partition gives every pair to the domain that holds its expert, once', () => {
  fc.assert(
    fc.property(cases, ({ domains, choice, holders }) => {
      const seen = new Set<number>()
      new Partition(domains).split(choice, ownersOf(choice, holders)).forEach((share, domain) => {
        for (let at = 0; at < share.pairCount; at++) {
          const pair = share.weights[at] ?? -1
          assert.equal(share.experts[at], choice.experts[pair])
          assert.equal(holders[share.experts[at] ?? -1], domain)
          assert.ok(!seen.has(pair), 'a pair of two shares')
          seen.add(pair)
        }
      })
      assert.equal(seen.size, choice.tokens * choice.nUsed)
    }),
  )
})

test('Partition names each token once per domain, and keeps the order of slots', () => {
  fc.assert(
    fc.property(cases, ({ domains, choice, holders }) => {
      for (const share of new Partition(domains).split(choice, ownersOf(choice, holders))) {
        const tokens = [...share.tokens.subarray(0, share.tokenCount)]
        assert.deepEqual(
          tokens,
          [...new Set(tokens)].sort((a, b) => a - b),
        )
        let at = 0
        tokens.forEach((token, i) => {
          const count = share.counts[i] ?? 0
          const pairs = [...share.weights.subarray(at, at + count)]
          assert.ok(count > 0)
          assert.ok(pairs.every((pair) => Math.floor(pair / choice.nUsed) === token))
          assert.deepEqual(
            pairs,
            pairs.toSorted((a, b) => a - b),
          )
          at += count
        })
        assert.equal(at, share.pairCount)
      }
    }),
  )
})

test('Partition starts anew for every step', () => {
  const partition = new Partition(3)
  const once = fc.sample(cases, { numRuns: 30, seed: 7 }).map(({ choice, holders }) => {
    const inRange = holders.map((holder) => holder % 3)
    const again = partition.split(choice, ownersOf(choice, inRange)).map(plain)
    const fresh = new Partition(3).split(choice, ownersOf(choice, inRange)).map(plain)
    return { again, fresh }
  })
  for (const { again, fresh } of once) assert.deepEqual(again, fresh)
})

test('Partition puts the pairs of nobody into the last share, and gaps into none', () => {
  const choice = {
    tokens: 2,
    nUsed: 2,
    experts: Int32Array.of(0, 1, 2, NO_EXPERT),
    weights: Float32Array.of(1, 2, 3, 4),
  }
  const owners = Uint16Array.of(1, NO_DOMAIN, NO_DOMAIN, NO_DOMAIN)
  const shares = new Partition(2).split(choice, owners).map(plain)
  assert.deepEqual(
    shares.map(({ tokens, weights }) => ({ tokens, weights })),
    [
      { tokens: [], weights: [] },
      { tokens: [0], weights: [1] },
      { tokens: [0, 1], weights: [2, 3] },
    ],
  )
})

test('Partition refuses an owner that is no domain', () => {
  const choice = {
    tokens: 1,
    nUsed: 1,
    experts: Int32Array.of(0),
    weights: Float32Array.of(1),
  }
  assert.throws(() => new Partition(2).split(choice, Uint16Array.of(3)), /domain of a pair/)
})

function ownersOf({ experts }: RouterChoice, holders: Uint16Array): Uint16Array {
  return Uint16Array.from(experts, (expert) => holders[expert] ?? NO_DOMAIN)
}

function plain(share: ReturnType<Partition['split']>[number]) {
  return {
    tokens: [...share.tokens.subarray(0, share.tokenCount)],
    counts: [...share.counts.subarray(0, share.tokenCount)],
    experts: [...share.experts.subarray(0, share.pairCount)],
    weights: [...share.weights.subarray(0, share.pairCount)],
  }
}
