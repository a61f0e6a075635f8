import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Directory } from '../../src/pages/directory.js'
import { PageTable } from '../../src/pages/page-table.js'
import { dealPages, pagesOf } from '../../src/pages/placement.js'

const fleets = fc.record({
  regions: fc.array(fc.record({ experts: fc.integer({ min: 1, max: 64 }) }), { maxLength: 12 }),
  domains: fc.integer({ min: 1, max: 9 }),
})

test('dealPages gives every domain an equal share of each region', () => {
  fc.assert(
    fc.property(fleets, ({ regions, domains }) => {
      const placement = dealPages(regions, domains)
      assert.equal(placement.length, regions.length)
      placement.forEach((holders, region) => {
        const { experts } = regions[region] ?? { experts: -1 }
        assert.equal(holders.length, experts)
        for (let domain = 0; domain < domains; domain++) {
          const share = holders.filter((holder) => holder === domain).length
          assert.ok(
            share === Math.floor(experts / domains) || share === Math.ceil(experts / domains),
          )
        }
      })
    }),
  )
})

test('dealPages gives every domain an equal share of the whole', () => {
  fc.assert(
    fc.property(fleets, ({ regions, domains }) => {
      const alike = regions.map(() => ({ experts: regions[0]?.experts ?? 1 }))
      const all = dealPages(alike, domains).flat()
      const totals = Array.from(
        { length: domains },
        (_, domain) => all.filter((holder) => holder === domain).length,
      )
      // A share of each region may be one page off; that must not add up.
      assert.ok(Math.max(...totals) - Math.min(...totals) <= (alike[0]?.experts ?? 0))
      if (alike.length % domains === 0) assert.equal(new Set(totals).size, 1)
    }),
  )
})

test('pagesOf is the inverse of a placement', () => {
  const placements = fc.array(fc.array(fc.nat(4), { maxLength: 40 }), { maxLength: 8 })
  fc.assert(
    fc.property(placements, (placement) => {
      const back = placement.map((holders) => new Array<number>(holders.length).fill(-1))
      for (let domain = 0; domain <= 4; domain++) {
        pagesOf(placement, domain).forEach((experts, region) => {
          for (const expert of experts) {
            const holders = back[region] ?? []
            assert.equal(holders[expert], -1, 'an expert of two domains')
            holders[expert] = domain
          }
        })
      }
      assert.deepEqual(back, placement)
    }),
  )
})

test('Directory answers with the last placement and counts epochs', () => {
  const directory = new Directory([{ experts: 3 }, { experts: 2 }])
  assert.equal(directory.epoch, 0)
  directory.place([
    [0, 1, 0],
    [1, 1],
  ])
  const view = directory.holders(0)
  assert.deepEqual([...view], [0, 1, 0])
  directory.place([
    [1, 1, 1],
    [0, 0],
  ])
  assert.deepEqual([...view], [1, 1, 1])
  assert.deepEqual([...directory.holders(1)], [0, 0])
  assert.equal(directory.epoch, 2)
})

test('Directory refuses placements of another shape and regions it does not have', () => {
  const directory = new Directory([{ experts: 2 }])
  assert.throws(() => directory.place([]), /other regions/)
  assert.throws(() => directory.place([[0, 0], [0]]), /other regions/)
  assert.throws(() => directory.place([[0]]), /other experts/)
  assert.throws(() => directory.holders(1), /does not exist/)
  assert.throws(() => directory.holders(-1), /does not exist/)
  assert.equal(directory.epoch, 0)
})

test('PageTable gives each expert a slot of its own, without gaps', () => {
  const subsets = fc.uniqueArray(fc.nat(63), { maxLength: 64 })
  fc.assert(
    fc.property(subsets, (experts) => {
      const table = new PageTable(64)
      const slots = experts.map((expert) => table.map(expert))
      assert.deepEqual(
        slots,
        experts.map((_, slot) => slot),
      )
      assert.equal(table.size, experts.length)
      for (let expert = 0; expert < 64; expert++) {
        assert.equal(table.slotOf(expert), experts.indexOf(expert))
      }
    }),
  )
})

test('PageTable refuses experts it has and experts that do not exist', () => {
  const table = new PageTable(4)
  table.map(2)
  for (const expert of [2, 4, -1, 0.5]) assert.throws(() => table.map(expert), /mapped twice/)
  for (const expert of [0, 4, -1, 65535]) assert.equal(table.slotOf(expert), -1)
})
