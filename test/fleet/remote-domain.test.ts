import assert from 'node:assert/strict'
import { test } from 'node:test'
import { controlFrame, MAP_PAGES_MAX } from '../../src/fabric/control.js'
import { FRAME } from '../../src/fabric/frame.js'
import { PageCards } from '../../src/fleet/page-cards.js'
import type { NativeBuffer } from '../../src/native/memory.js'
import { Directory } from '../../src/pages/directory.js'
import { HolderTable } from '../../src/pages/holder-table.js'
import { linkOf, remoteDomain } from './remote.js'

const PAGES = [
  { region: 0, expert: 1 },
  { region: 1, expert: 0 },
] as const
const REGIONS = [{ experts: 2 }, { experts: 2 }]

/** Of a number that none of the two cards has, of a wrong count, of a wrong kind. */
const BAD: readonly unknown[] = [
  ...[undefined, null, 0, [], [0], [0, 1, 0], [0, 2], [0, -1], [0, 0.5], [0, 'a']],
  new Array<number>(MAP_PAGES_MAX + 1).fill(0),
]

function mapped(cards: unknown): NativeBuffer {
  return controlFrame(FRAME.mapped, { id: 1, pages: 2, bytes: 2, cards })
}

test('RemoteDomain refuses a map that is done on cards nobody can make sense of', () => {
  for (const cards of BAD) {
    const frames = [mapped(cards)]
    const link = linkOf({ send: () => {}, poll: () => frames.shift() })
    const domain = remoteDomain({ id: 0, link, table: new HolderTable(REGIONS) })
    assert.equal(domain.map(PAGES), 1)
    const text = JSON.stringify(cards)
    assert.throws(() => domain.link?.poll(), { code: 'FRAME_INVALID' }, text)
    assert.deepEqual(domain.takeAnswers(), [], text)
  }
})

test('PageCards forgets what it is told to, and is small', () => {
  const cards = new PageCards(new HolderTable(REGIONS))
  const known = () => PAGES.map((page) => cards.cardOf(page))
  assert.deepEqual(known(), [undefined, undefined])
  cards.set(PAGES, [0, 63])
  assert.deepEqual(known(), [0, 63])
  cards.forget(PAGES.slice(0, 1))
  assert.deepEqual(known(), [undefined, 63])
  cards.forget(PAGES)
  assert.deepEqual(known(), [undefined, undefined])
  const directory = new Directory(
    Array.from({ length: 1000 }, () => ({ experts: 1000 })),
    2,
  )
  const ofDomain = new PageCards(directory.table).bytes
  assert.equal(ofDomain, 1e6)
  assert.ok(directory.bytes + 16 * ofDomain <= 64e6)
})
