import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DomainTable, type TableCard } from '../../src/pages/domain-table.js'

const PAGE = 10
const regions = [
  { experts: 12, pageBytes: PAGE },
  { experts: 6, pageBytes: 2 * PAGE },
]
const roomy: TableCard = { tier: 'host', memoryBytes: 1000, slots: [12, 6] }

function map(table: DomainTable, page: number): number {
  assert.ok(table.reserve(page))
  for (const state of ['queued', 'mapping', 'mapped'] as const) table.move(page, state)
  return table.cardOf(page)
}

test('DomainTable numbers pages region by region', () => {
  const table = new DomainTable(regions, [roomy])
  assert.deepEqual(
    [table.pageAt(0, 11), table.pageAt(0, 12), table.pageAt(1, 0), table.pageAt(1, 6)],
    [11, -1, 12, -1],
  )
  assert.equal(table.pageAt(2, 0), -1)
  assert.deepEqual(table.placeOf(14), { region: 1, expert: 2 })
})

test('DomainTable gives cards pages of a region such that they are done together', () => {
  const table = new DomainTable(regions, [roomy, roomy, roomy])
  table.setSpeed(0, 30)
  table.setSpeed(1, 10)
  table.setSpeed(2, 15)
  const counts = [0, 0, 0]
  for (let page = 0; page < 12; page++) {
    const card = map(table, page)
    counts[card] = (counts[card] ?? 0) + 1
  }
  assert.deepEqual(counts, [2, 6, 4])
  // The fastest is the first to get any, in each region.
  assert.equal(map(table, 12), 1)
})

test('DomainTable takes GPUs for faster until cards are measured', () => {
  const table = new DomainTable(regions, [roomy, { ...roomy, tier: 'device' }])
  const first = Array.from({ length: 11 }, (_, page) => map(table, page))
  assert.deepEqual(first, [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1])
  // Measured: no faster than the other is taken to be.
  table.setSpeed(1, 50)
  assert.equal(map(table, 12), 1)
  table.setSpeed(0, 50)
  assert.deepEqual([map(table, 13), map(table, 14)], [0, 0])
})

test('DomainTable overfills no card, by bytes or by slots', () => {
  const small: TableCard = { tier: 'device', memoryBytes: 45, slots: [3, 6] }
  const table = new DomainTable(regions, [small, { ...roomy, slots: [2, 0] }])
  table.setSpeed(1, 100)
  const cards = [0, 1, 2, 3, 4].map((page) => map(table, page))
  assert.deepEqual(cards, [0, 0, 0, 1, 1])
  assert.equal(table.reserve(5), false)
  assert.equal(table.reserve(12), false)
  table.release(0)
  table.release(1)
  assert.equal(table.reserve(12), true)
  assert.equal(table.reserve(13), false)
  table.setOpen(0, false)
  assert.equal(table.reserve(0), false)
})

test('DomainTable knows the tier of each page and the bytes of each tier', () => {
  const table = new DomainTable(regions, [{ ...roomy, tier: 'device' }, roomy])
  for (const card of [0, 1]) table.setSpeed(card, 1)
  for (const page of [0, 1, 12]) map(table, page)
  const tiers = (): Array<string | undefined> => [0, 1, 12, 2].map((page) => table.tierOf(page))
  assert.deepEqual(tiers(), ['device', 'host', 'device', undefined])
  assert.deepEqual(table.tierBytes, { device: 30, host: 10, disk: 0 })
  table.move(12, 'unmapping')
  table.release(12)
  assert.deepEqual(tiers(), ['device', 'host', 'disk', undefined])
  assert.deepEqual(table.tierBytes, { device: 10, host: 10, disk: 20 })
  table.setOnDisk(12, false)
  assert.deepEqual(table.tierBytes, { device: 10, host: 10, disk: 0 })
  assert.deepEqual([table.pages, table.bytes, table.use(1)?.bytes], [2, 20, 10])
})

test('DomainTable has dispatches wait for pages of a card that comes back, and for no others', () => {
  const table = new DomainTable(regions, [roomy])
  map(table, 0)
  table.reserve(1)
  table.move(1, 'queued')
  assert.deepEqual([table.holder(0, 0), table.holder(0, 1)], [0, -1])
  for (const page of table.pagesOf(0)) table.restore(page)
  assert.deepEqual([table.holder(0, 0), table.holder(0, 1)], [0, -1])
  assert.deepEqual([table.restoringOf(0), table.pages], [1, 0])
  for (const page of [0, 1]) {
    table.move(page, 'mapping')
    table.move(page, 'mapped')
  }
  assert.deepEqual([table.restoringOf(0), table.pages], [0, 2])
})
