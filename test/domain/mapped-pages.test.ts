import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MappedPages } from '../../src/domain/mapped-pages.js'
import { type Load, MAP_PAGES_MAX } from '../../src/fabric/control.js'

function loadOf(pages: readonly (readonly number[])[], experts = 1024): Load {
  return {
    files: ['model'],
    device: 'cpu',
    threads: 1,
    regions: pages.map((list, layer) => ({
      layer,
      group: '',
      experts,
      tensors: [],
      pages: [...list],
    })),
  }
}

/** What a new card would hold: by page, the file it comes from. */
function heldBy(mapped: MappedPages): Map<string, string> {
  const held = new Map<string, string>()
  mapped.load().regions.forEach(({ pages }, region) => {
    for (const expert of pages) held.set(`${region} ${expert}`, 'model')
  })
  for (const { pages, sources } of mapped.maps()) {
    pages.forEach(({ region, expert }, index) => {
      held.set(`${region} ${expert}`, sources?.[index]?.file ?? 'none')
    })
  }
  return held
}

const change = fc.record({
  kind: fc.constantFrom('map' as const, 'unmap' as const),
  pages: fc.array(fc.record({ region: fc.nat(1), expert: fc.nat(5) }), {
    minLength: 1,
    maxLength: 3,
  }),
  file: fc.option(fc.constantFrom('a', 'b')),
  ends: fc.constantFrom('done', 'failed', 'never'),
})

test('MappedPages knows what a card that follows another must hold', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 20 }), (changes) => {
      const mapped = new MappedPages(loadOf([[0, 1], []]))
      const twin = new Map([
        ['0 0', 'model'],
        ['0 1', 'model'],
      ])
      const open: number[] = []
      changes.forEach(({ kind, pages, file, ends }, id) => {
        const source = file === null ? null : { file, offset: 0 }
        mapped.begin(id, { kind, pages, sources: pages.map(() => source) })
        if (ends === 'never') open.push(id)
        if (ends === 'failed') assert.ok(mapped.fail(id))
        if (ends !== 'done') return
        assert.ok(mapped.finish(id))
        assert.ok(!mapped.finish(id))
        for (const { region, expert } of pages) {
          if (kind === 'map') twin.set(`${region} ${expert}`, file ?? 'model')
          else twin.delete(`${region} ${expert}`)
        }
      })
      assert.deepEqual(heldBy(mapped), twin)
      assert.deepEqual(mapped.failAll(), open)
      assert.equal(mapped.pending, 0)
      assert.deepEqual(heldBy(mapped), twin)
    }),
  )
})

test('MappedPages keeps the room a card began with', () => {
  const load = loadOf([[3, 4]])
  const mapped = new MappedPages(load)
  mapped.begin(1, { kind: 'unmap', pages: [{ region: 0, expert: 3 }] })
  mapped.finish(1)
  const [region] = mapped.load().regions
  assert.deepEqual([region?.pages, region?.slots], [[4], 2])
})

test('MappedPages puts no more pages into a map than a frame may have', () => {
  const mapped = new MappedPages(loadOf([[], []]))
  for (const region of [0, 1]) {
    const pages = Array.from({ length: 700 }, (_, expert) => ({ region, expert }))
    mapped.begin(region, {
      kind: 'map',
      pages,
      sources: pages.map(() => ({ file: 'a', offset: 0 })),
    })
    mapped.finish(region)
  }
  assert.deepEqual(
    mapped.maps().map(({ pages }) => pages.length),
    [MAP_PAGES_MAX, 1400 - MAP_PAGES_MAX],
  )
  assert.equal(heldBy(mapped).size, 1400)
})
