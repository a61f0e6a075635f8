import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SputnikError } from '../../src/base/errors.js'
import { type CardChange, PageChanges } from '../../src/domain/page-changes.js'
import type { PageAt } from '../../src/fabric/control.js'
import { DomainTable } from '../../src/pages/domain-table.js'

const PAGE_BYTES = 10

type Card = {
  /** Experts it has, by region. */
  readonly held: Set<string>
  readonly asked: CardChange[]
}

/** Two regions of 6 experts, two cards with room for 8 pages each, and everything around them. */
class World {
  readonly table = new DomainTable(
    [0, 1].map(() => ({ experts: 6, pageBytes: PAGE_BYTES })),
    [0, 1].map(() => ({ tier: 'host' as const, memoryBytes: 8 * PAGE_BYTES, slots: [6, 6] })),
  )
  readonly changes = new PageChanges(this.table)
  readonly cards: Card[] = [0, 1].map(() => ({ held: new Set(), asked: [] }))
  readonly wanted: PageAt[] = []
  readonly answers = new Map<number, string>()
  /** Pages the head believes to be here, by the answers it got. */
  readonly believed = new Set<string>()
  #lastId = 0
  readonly #open = new Map<number, { kind: 'map' | 'unmap'; pages: readonly PageAt[] }>()

  ask(kind: 'map' | 'unmap', pages: readonly PageAt[]): void {
    const id = ++this.#lastId
    this.#open.set(id, { kind, pages })
    // What leaves is not believed to be there from now on, whatever the answer.
    if (kind === 'unmap') for (const page of pages) this.believed.delete(key(page))
    try {
      this.changes[kind](id, pages)
    } catch (error) {
      assert.ok(error instanceof SputnikError)
      this.#note(id, error.code)
    }
    this.flush()
  }

  flush(): void {
    for (const page of this.changes.takeGone()) {
      assert.ok(this.believed.delete(key(page)), 'a page is gone that nobody believed to be here')
    }
    for (const { id, error } of this.changes.takeAnswers()) this.#note(id, error?.code ?? 'done')
    this.wanted.push(...this.changes.takeWants())
    for (const { region, expert } of this.changes.takeReleases()) {
      assert.equal(this.table.state(this.table.pageAt(region, expert)), 'absent')
    }
    for (const [at, card] of this.cards.entries()) {
      for (let next = this.changes.takeChange(at); next; next = this.changes.takeChange(at)) {
        card.asked.push(next)
      }
    }
  }

  supply(how: 'ready' | 'failed'): void {
    const page = this.wanted.shift()
    if (page === undefined) return
    const error = new SputnikError('PAGE_UNAVAILABLE', 'no')
    this.changes.supplied(
      how === 'ready'
        ? { kind: 'ready', page: { ...page, source: null } }
        : { kind: how, ...page, error },
    )
    this.flush()
  }

  /** A card does what it was asked first, or says that it cannot. */
  work(at: number, how: 'done' | 'failed'): void {
    const card = this.cards[at]
    const frame = card?.asked.shift()
    if (card === undefined || frame === undefined) return
    const isMap = frame.kind === 'map'
    for (const page of frame.pages) {
      assert.equal(card.held.has(key(page)), !isMap, 'a card is asked for what it cannot do')
    }
    const fails = how === 'failed' && isMap
    if (!fails) for (const page of frame.pages) card.held[isMap ? 'add' : 'delete'](key(page))
    assert.ok(card.held.size <= 8)
    const error = fails ? { error: new SputnikError('PAGE_CORRUPT', 'no') } : {}
    this.changes.finished(at, { id: frame.id, ...error })
    this.flush()
  }

  lose(at: number): void {
    const card = this.cards[at]
    card?.held.clear()
    card?.asked.splice(0)
    this.changes.cardLost(at)
    this.flush()
  }

  /** A card has been away for long, or has not got all of its pages back since it was. */
  giveUp(at: number, isBack: boolean): void {
    const error = new SputnikError('CARD_LOST', 'no')
    if (isBack) this.changes.giveUp(at, error)
    else {
      this.cards[at]?.held.clear()
      this.cards[at]?.asked.splice(0)
      this.changes.cardGone(at, error)
    }
    this.flush()
  }

  settle(): void {
    for (let i = 0; i < 1000 && (this.changes.isMoving || this.wanted.length > 0); i++) {
      this.supply('ready')
      this.work(0, 'done')
      this.work(1, 'done')
    }
    assert.ok(!this.changes.isMoving, 'pages are on their way for ever')
  }

  get held(): string[] {
    return this.cards.flatMap(({ held }) => [...held])
  }

  get unanswered(): number[] {
    return [...this.#open.keys()].filter((id) => !this.answers.has(id))
  }

  #note(id: number, how: string): void {
    assert.ok(!this.answers.has(id), 'answered twice')
    this.answers.set(id, how)
    const asked = this.#open.get(id)
    if (how !== 'done' || asked?.kind !== 'map') return
    for (const page of asked.pages) this.believed.add(key(page))
  }
}

const key = ({ region, expert }: PageAt): string => `${region} ${expert}`

const pages = fc.uniqueArray(fc.record({ region: fc.nat(1), expert: fc.nat(5) }), {
  minLength: 1,
  maxLength: 5,
  selector: key,
})
const card = fc.nat(1)
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('map' as const), pages }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('unmap' as const), pages }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('ready', 'ready', 'ready', 'failed') }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('work' as const), card }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('break' as const), card }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const), card }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('give up' as const), card, isBack: fc.boolean() }),
  },
)

test('PageChanges holds in the end what the head was told it holds, whatever happens', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const world = new World()
      for (const one of steps) {
        if (one.do === 'map' || one.do === 'unmap') world.ask(one.do, one.pages)
        else if (one.do === 'ready' || one.do === 'failed') world.supply(one.do)
        else if (one.do === 'work') world.work(one.card, 'done')
        else if (one.do === 'break') world.work(one.card, 'failed')
        else if (one.do === 'lose') world.lose(one.card)
        else if (one.do === 'give up') world.giveUp(one.card, one.isBack)
        // Nobody computes with a page that is not there.
        for (const name of world.cards.flatMap(({ held }) => [...held])) {
          assert.ok(world.cards.filter(({ held }) => held.has(name)).length === 1, name)
        }
      }
      world.settle()
      assert.deepEqual(world.unanswered, [])
      assert.deepEqual(world.held.toSorted(), heldByTable(world.table))
      assert.deepEqual([...world.believed].toSorted(), world.held.toSorted())
      assert.equal(world.table.pages, world.held.length)
      assert.equal(world.table.bytes, PAGE_BYTES * world.held.length)
    }),
    { numRuns: 2000 },
  )
})

function heldByTable(table: DomainTable): string[] {
  const all = [0, 1].flatMap((region) => [0, 1, 2, 3, 4, 5].map((expert) => ({ region, expert })))
  return all
    .filter(({ region, expert }) => table.holder(region, expert) >= 0)
    .map(key)
    .toSorted()
}

const at = (...experts: number[]): PageAt[] => experts.map((expert) => ({ region: 0, expert }))

test('PageChanges keeps no page of a map that failed, unless another wants it', () => {
  const world = new World()
  world.ask('map', at(0, 1))
  world.supply('ready')
  world.work(0, 'done')
  world.work(1, 'done')
  world.ask('map', at(0))
  world.supply('failed')
  world.settle()
  assert.deepEqual(
    [...world.answers],
    [
      [2, 'done'],
      [1, 'PAGE_UNAVAILABLE'],
    ],
  )
  assert.deepEqual(world.held, ['0 0'])
  world.ask('map', at(2, 3))
  world.supply('ready')
  world.supply('failed')
  world.settle()
  assert.deepEqual(world.held, ['0 0'])
})

test('PageChanges refuses what does not fit, and then nothing has changed', () => {
  const world = new World()
  const one = at(0, 1, 2, 3, 4, 5)
  const other = one.map(({ expert }) => ({ region: 1, expert }))
  world.ask('map', [...one, ...other])
  world.settle()
  assert.equal(world.table.pages, 12)
  const small = new DomainTable(
    [{ experts: 6, pageBytes: PAGE_BYTES }],
    [{ tier: 'device', memoryBytes: 25, slots: [6] }],
  )
  const changes = new PageChanges(small)
  assert.throws(() => changes.map(1, at(0, 1, 2)), { code: 'CARD_FULL' })
  changes.map(2, at(0, 1))
  assert.throws(() => changes.map(3, at(1, 2)), { code: 'CARD_FULL' })
  assert.deepEqual(changes.takeWants(), at(0, 1))
  assert.throws(() => changes.map(4, at(6)), { code: 'FRAME_INVALID' })
  assert.throws(() => changes.map(5, at(1, 1)), { code: 'FRAME_INVALID' })
})

test('PageChanges answers at once what is so already', () => {
  const world = new World()
  world.ask('unmap', at(0))
  world.ask('map', at(0))
  world.settle()
  world.ask('map', at(0))
  assert.deepEqual(
    [...world.answers],
    [
      [1, 'done'],
      [2, 'done'],
      [3, 'done'],
    ],
  )
})
