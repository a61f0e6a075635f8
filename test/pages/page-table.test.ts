import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { PageTable } from '../../src/pages/page-table.js'

const EXPERTS = 24
const SLOTS = 7

type Action = { readonly expert: number; readonly kind: 'map' | 'unmap' | 'abandon' }

const actions = fc.array(
  fc.record<Action>({
    expert: fc.nat(EXPERTS - 1),
    kind: fc.constantFrom('map', 'map', 'unmap', 'abandon'),
  }),
  { maxLength: 80 },
)

/** Does what is possible to both and leaves the rest. */
function act(table: PageTable, twin: Map<number, number>, { expert, kind }: Action): void {
  if (kind === 'unmap') {
    if (!twin.has(expert)) return
    assert.equal(table.unmap(expert), twin.get(expert))
    twin.delete(expert)
    return
  }
  if (twin.size === SLOTS) return
  const slot = table.take()
  assert.ok(![...twin.values()].includes(slot), `slot ${slot} is in use`)
  assert.equal(table.slotOf(expert), twin.get(expert) ?? -1)
  if (kind === 'abandon' || twin.has(expert)) table.giveBack(slot)
  else twin.set(expert, table.map(expert, slot))
}

function compare(table: PageTable, twin: ReadonlyMap<number, number>): void {
  assert.equal(table.size, twin.size)
  assert.equal(table.free, SLOTS - twin.size)
  for (let expert = 0; expert < EXPERTS; expert++) {
    assert.equal(table.slotOf(expert), twin.get(expert) ?? -1)
  }
  const experts = new Map([...twin].map(([expert, slot]) => [slot, expert]))
  for (let slot = 0; slot < SLOTS; slot++) {
    assert.equal(table.expertOf(slot), experts.get(slot) ?? -1)
  }
}

test('PageTable does what a Map of experts to slots does', () => {
  fc.assert(
    fc.property(actions, (list) => {
      const table = new PageTable(EXPERTS, SLOTS)
      const twin = new Map<number, number>()
      for (const action of list) {
        act(table, twin, action)
        compare(table, twin)
      }
      assert.ok([...twin.values()].every((slot) => slot >= 0 && slot < table.capacity))
    }),
  )
})

test('PageTable refuses what it has not', () => {
  const table = new PageTable(4, 2)
  table.map(3)
  const slot = table.take()
  assert.throws(() => table.take(), /no slot is free/)
  assert.throws(() => table.map(1), /no slot is free/)
  assert.throws(() => table.map(3, slot), /mapped twice/)
  assert.throws(() => table.map(1, table.slotOf(3)), /holds a page/)
  assert.throws(() => table.giveBack(table.slotOf(3)), /holds a page/)
  assert.throws(() => table.unmap(1), /not mapped/)
  assert.equal(table.map(1, slot), slot)
  for (const stray of [-1, 2, 0.5]) assert.equal(table.expertOf(stray), -1)
})
