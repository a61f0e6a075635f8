import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lendMemory, withSlots } from '../../src/domain/card-memory.js'

const GIB = 2 ** 30
const found = (device: string, freeBytes: number) => ({ device, threads: 2, freeBytes })

test('lendMemory shares the memory of the machine among its CPU cards', () => {
  const cards = [found('cpu', 10 * GIB), found('cuda0', 22 * GIB), found('cpu', 10 * GIB)]
  assert.deepEqual(
    lendMemory(cards, null).map(({ tier, memoryBytes }) => [tier, memoryBytes]),
    [
      ['host', 4 * GIB],
      ['device', 18 * GIB],
      ['host', 4 * GIB],
    ],
  )
  assert.deepEqual(
    lendMemory(cards, 6 * GIB).map(({ memoryBytes }) => memoryBytes),
    [3 * GIB, 6 * GIB, 3 * GIB],
  )
})

test('lendMemory keeps slots back that a head is not told of', () => {
  const [gpu] = lendMemory([found('cuda0', 22 * GIB)], null)
  assert.equal(gpu?.slotBytes, Math.floor(0.9 * 22 * GIB))
  const [small] = lendMemory([found('cuda0', 22 * GIB)], 10 * GIB)
  assert.deepEqual([small?.memoryBytes, small?.slotBytes], [10 * GIB, 11 * GIB])
  const [full] = lendMemory([found('cuda0', 10 * GIB)], 20 * GIB)
  assert.ok((full?.slotBytes ?? 0) <= 0.9 * 10 * GIB)
})

test('lendMemory shares memory evenly among heads', () => {
  const cards = [found('cpu', 10 * GIB), found('cuda0', 22 * GIB)]
  const lentOf = (memoryBytes: number | null, heads: number) =>
    lendMemory(cards, memoryBytes, heads).map(({ memoryBytes: bytes }) => bytes)
  assert.deepEqual(lentOf(null, 2), [4 * GIB, 9 * GIB])
  assert.deepEqual(lentOf(6 * GIB, 3), [2 * GIB, 2 * GIB])
  const [, gpu] = lendMemory(cards, null, 2)
  assert.equal(gpu?.slotBytes, Math.floor((0.9 * 22 * GIB) / 2))
})

test('withSlots gives CPU cards a slot for each expert, and GPUs what fits', () => {
  const regions = [
    { experts: 8, pageBytes: 100 },
    { experts: 4, pageBytes: 300 },
  ]
  const lent = { device: 'x', threads: 1, memoryBytes: 1090, slotBytes: 1200 }
  assert.deepEqual(withSlots({ ...lent, tier: 'host' }, regions).slots, [8, 4])
  const { slots } = withSlots({ ...lent, tier: 'device' }, regions)
  assert.deepEqual(slots, [4, 2])
  assert.deepEqual(withSlots({ ...lent, tier: 'device', slotBytes: 1e9 }, regions).slots, [8, 4])
  assert.deepEqual(withSlots({ ...lent, tier: 'device' }, []).slots, [])
})
