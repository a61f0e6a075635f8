import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Partition, type RouterChoice } from '../../src/fleet/partition.js'
import {
  type DomainWork,
  emptyWork,
  ReplicaChooser,
  STANDING,
} from '../../src/fleet/replica-choice.js'
import { HolderTable, NO_DOMAIN } from '../../src/pages/holder-table.js'

const EXPERTS = 12
const DOMAINS = 6
const REPLICAS = 3

const cases = fc
  .record({
    tokens: fc.integer({ min: 1, max: 30 }),
    nUsed: fc.integer({ min: 1, max: 5 }),
    experts: fc.infiniteStream(fc.nat(EXPERTS - 1)),
    held: fc.array(fc.uniqueArray(fc.nat(DOMAINS - 1), { maxLength: REPLICAS }), {
      minLength: EXPERTS,
      maxLength: EXPERTS,
    }),
    standing: fc.array(fc.nat(2), { minLength: DOMAINS, maxLength: DOMAINS }),
    costs: fc.array(fc.nat(50), { minLength: 4 * DOMAINS, maxLength: 4 * DOMAINS }),
  })
  .map(({ tokens, nUsed, experts, held, standing, costs }) => {
    const pairs = tokens * nUsed
    const work = emptyWork(DOMAINS)
    work.standing.set(standing)
    const arrays = [work.pairUs, work.copyUs, work.fixedUs, work.backlogUs]
    arrays.forEach((array, at) => {
      array.set(costs.slice(at * DOMAINS, (at + 1) * DOMAINS))
    })
    return { choice: choiceOf(nUsed, experts.take(pairs)), table: tableOf(held), held, work }
  })

function choiceOf(nUsed: number, list: Iterable<number>): RouterChoice {
  const experts = Int32Array.from(list)
  // Each weight names its pair.
  const weights = Float32Array.from(experts, (_, pair) => pair)
  return { tokens: experts.length / nUsed, nUsed, experts, weights }
}

function tableOf(held: readonly (readonly number[])[]): HolderTable {
  const table = new HolderTable([{ experts: held.length }], REPLICAS)
  held.forEach((domains, expert) => {
    for (const domain of domains) table.add(expert, domain)
  })
  return table
}

function choose(choice: RouterChoice, at: { table: HolderTable; work: DomainWork }): number[] {
  const { table, work } = at
  const region = { holders: table.holders(0), replicas: REPLICAS, work }
  return [...new ReplicaChooser(DOMAINS).choose(choice, region)]
}

test('ReplicaChooser gives every pair to one holder of the best standing, or to none', () => {
  fc.assert(
    fc.property(cases, ({ choice, table, held, work }) => {
      const chooser = new ReplicaChooser(DOMAINS)
      const region = { holders: table.holders(0), replicas: REPLICAS, work }
      const owners = chooser.choose(choice, region)
      let unplaced = 0
      owners.forEach((owner, pair) => {
        const holders = held[choice.experts[pair] ?? -1] ?? []
        const best = Math.max(0, ...holders.map((domain) => work.standing[domain] ?? 0))
        if (best === STANDING.closed) {
          assert.equal(owner, NO_DOMAIN)
          unplaced++
          return
        }
        assert.ok(holders.includes(owner))
        assert.equal(work.standing[owner], best)
      })
      assert.equal(chooser.unplaced, unplaced)
    }),
  )
})

test('ReplicaChooser and Partition put every placed pair into exactly one share', () => {
  fc.assert(
    fc.property(cases, ({ choice, table, work }) => {
      const owners = Uint16Array.from(choose(choice, { table, work }))
      const seen = new Map<number, number>()
      const shares = new Partition(DOMAINS).split(choice, owners)
      shares.slice(0, DOMAINS).forEach((share, domain) => {
        const pairsOf = [...share.counts.subarray(0, share.tokenCount)]
        assert.equal(
          pairsOf.reduce((sum, count) => sum + count, 0),
          share.pairCount,
        )
        for (const pair of share.weights.subarray(0, share.pairCount)) {
          assert.ok(!seen.has(pair))
          seen.set(pair, domain)
        }
      })
      owners.forEach((owner, pair) => {
        assert.equal(seen.get(pair), owner === NO_DOMAIN ? undefined : owner)
      })
    }),
  )
})

test('ReplicaChooser chooses alike when asked again', () => {
  const chooser = new ReplicaChooser(DOMAINS)
  for (const { choice, table, work } of fc.sample(cases, { numRuns: 100, seed: 5 })) {
    const region = { holders: table.holders(0), replicas: REPLICAS, work }
    const first = [...chooser.choose(choice, region)]
    assert.deepEqual([...chooser.choose(choice, region)], first)
    assert.deepEqual(choose(choice, { table, work }), first)
  }
})

/** Two ready domains, alike. */
function twoDomains(): DomainWork {
  const work = emptyWork(DOMAINS)
  work.standing.fill(STANDING.ready, 0, 2)
  work.pairUs.fill(10)
  work.copyUs.fill(25)
  return work
}

test('ReplicaChooser keeps a token on one domain until that costs more than a copy', () => {
  const table = tableOf([[0], [0, 1], [0, 1], [0, 1], [0, 1], [0, 1], [0, 1]])
  const choice = choiceOf(7, [0, 1, 2, 3, 4, 5, 6])
  // With three pairs domain 0 would be done with a fourth at 40 us, domain 1 at 10 and the copy.
  const work = twoDomains()
  assert.deepEqual(choose(choice, { table, work }), [0, 0, 0, 1, 1, 1, 0])
  work.copyUs.fill(1000)
  assert.deepEqual(choose(choice, { table, work }), [0, 0, 0, 0, 0, 0, 0])
})

test('ReplicaChooser gives domains work by their speed', () => {
  const work = twoDomains()
  work.copyUs.fill(0)
  work.pairUs[1] = 30
  const choice = choiceOf(1, new Array<number>(40).fill(0))
  const owners = choose(choice, { table: tableOf([[0, 1]]), work })
  assert.equal(owners.filter((owner) => owner === 0).length, 30)
  work.backlogUs[0] = 1e6
  assert.ok(choose(choice, { table: tableOf([[0, 1]]), work }).every((owner) => owner === 1))
})

test('ReplicaChooser ignores holders that it was never told about', () => {
  const table = tableOf([[DOMAINS + 3]])
  assert.deepEqual(choose(choiceOf(1, [0]), { table, work: twoDomains() }), [NO_DOMAIN])
})
