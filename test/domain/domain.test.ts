import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { defined } from '../../src/base/assert.js'
import { mappedSchema, type PageAt, readControl } from '../../src/fabric/control.js'
import { FRAME, readHeader } from '../../src/fabric/frame.js'
import { loadLibraries } from '../../src/native/library.js'
import {
  DomainWorld,
  dispatchOf,
  EXPERTS,
  expected,
  N_USED,
  PAGE_BYTES,
  rowsOf,
  type Token,
  type WorldOptions,
} from './support.js'

loadLibraries('cpu')

const allPages = (region = 0): PageAt[] =>
  Array.from({ length: EXPERTS }, (_, expert) => ({ region, expert }))

/** All pages of one region are there. */
function serving(options: WorldOptions = {}): DomainWorld {
  const world = new DomainWorld(options)
  world.open()
  world.tell(FRAME.map, { id: 1, pages: allPages() })
  world.run()
  assert.equal(world.take(FRAME.mapped).length, 1)
  world.toHead.splice(0)
  return world
}

const token = fc.record({
  x: fc.integer({ min: -8, max: 8 }),
  pairs: fc.uniqueArray(
    fc.record({ expert: fc.nat(EXPERTS - 1), weight: fc.integer({ min: -2, max: 2 }) }),
    { minLength: 1, maxLength: N_USED, selector: ({ expert }) => expert },
  ),
})
const tokensOf = fc.array(token, { minLength: 1, maxLength: 12 })

test('Domain answers the same however many cards share the experts', () => {
  const worlds = [1, 2, 3, 5].map((cards) => serving({ cards }))
  fc.assert(
    fc.property(tokensOf, fc.boolean(), fc.boolean(), (tokens, isSummed, isShort) => {
      const format = { dispatch: isShort ? 'bf16' : 'f32', combine: 'f32', isSummed } as const
      for (const world of worlds) {
        world.receive(dispatchOf(tokens, { format }))
        world.run()
        const [frame] = world.take(FRAME.combine)
        assert.deepEqual(
          rowsOf(defined(frame, 'an answer')).map((value) => value + 0),
          expected(tokens, { isSummed }).map((value) => value + 0),
        )
        assert.deepEqual(world.failures(), [])
      }
    }),
    { numRuns: 200 },
  )
})

test('Domain encodes the sums of several cards once, as the head wants them', () => {
  const worlds = [1, 3].map((cards) => serving({ cards }))
  for (const combine of ['f32', 'bf16'] as const) {
    for (const isSummed of [true, false]) {
      const tokens = drawTokens(9)
      const answers = worlds.map((world) => {
        world.receive(dispatchOf(tokens, { format: { dispatch: 'q8_0', combine, isSummed } }))
        world.run()
        return defined(world.take(FRAME.combine)[0], 'an answer')
      })
      const [one, many] = answers.map(({ bytes }) => bytes.slice(20))
      assert.deepEqual(many, one)
      const [a, b] = answers.map(({ view }) => ({ ...readHeader(view), computeUs: 0 }))
      assert.deepEqual(b, a)
    }
  }
})

function drawTokens(count: number): Token[] {
  return defined(
    fc.sample(fc.array(token, { minLength: count, maxLength: count }), {
      numRuns: 1,
      seed: count,
    })[0],
    'tokens',
  )
}

test('Domain keeps several dispatches apart, in whatever order cards answer', () => {
  const order = fc.infiniteStream(fc.nat(2))
  fc.assert(
    fc.property(fc.array(tokensOf, { minLength: 2, maxLength: 6 }), order, (all, turns) => {
      const world = serving({ cards: 3 })
      all.forEach((tokens, step) => {
        world.receive(dispatchOf(tokens, { step, attempt: step % 3 }))
      })
      // The same again, as after a head that was not sure.
      world.receive(dispatchOf(defined(all[0], 'a dispatch'), { step: 0 }))
      for (let left = 200; left > 0; left--) {
        const card = defined(turns.next().value as number, 'a card')
        world.cards[card]?.work()
        world.hear(card)
      }
      world.run()
      const answers = world.take(FRAME.combine)
      assert.equal(answers.length, all.length + 1)
      for (const answer of answers) {
        const { step, attempt } = readHeader(answer.view)
        assert.equal(attempt, step % 3)
        const tokens = defined(all[step], 'a dispatch')
        assert.deepEqual(
          rowsOf(answer).map((value) => value + 0),
          expected(tokens).map((value) => value + 0),
        )
      }
    }),
    { numRuns: 50 },
  )
})

test('Domain gives a card one dispatch at a time', () => {
  const world = serving()
  for (const step of [1, 2, 3]) world.receive(dispatchOf(drawTokens(2), { step }))
  const card = defined(world.cards[0], 'the card')
  assert.equal(card.inbox.length, 1)
  card.work()
  world.hear(0)
  assert.equal(card.inbox.length, 1)
  world.run()
  assert.deepEqual(
    world.take(FRAME.combine).map(({ view }) => readHeader(view).step),
    [1, 2, 3],
  )
})

test('Domain answers a dispatch for a page it does not have with a failure of its own', () => {
  const world = serving({ cards: 2 })
  world.tell(FRAME.unmap, { id: 2, pages: [{ region: 0, expert: 5 }] })
  const tokens = [{ x: 1, pairs: [{ expert: 5, weight: 1 }] }]
  world.receive(dispatchOf(tokens, { step: 77, attempt: 2 }))
  const [failed] = world.toHead
  const { region, step, attempt } = readHeader(defined(failed, 'an answer').view)
  assert.deepEqual([region, step, attempt], [0, 77, 2])
  assert.deepEqual(world.failures(), [['PAGE_NOT_MAPPED', 77, undefined]])
  world.run()
  assert.equal(world.take(FRAME.mapped).length, 1)
  world.receive(dispatchOf(tokens, { step: 78, region: 3 }))
  assert.deepEqual(world.failures(), [['FRAME_INVALID', 78, undefined]])
})

test('Domain refuses more dispatches than it may keep', () => {
  const world = serving()
  for (let step = 1; step <= 70; step++) world.receive(dispatchOf(drawTokens(1), { step }))
  assert.deepEqual(
    world.failures().map(([code, step]) => [code, step]),
    [65, 66, 67, 68, 69, 70].map((step) => ['CARD_BUSY', step]),
  )
  world.run()
  assert.equal(world.take(FRAME.combine).length, 64)
})

test('Domain shares the pages of each layer out among equal cards', () => {
  const world = new DomainWorld({ cards: 2, regions: 2 })
  world.open()
  world.tell(FRAME.map, { id: 1, pages: [...allPages(0), ...allPages(1)] })
  world.run()
  const counts = world.cards.map(({ held }) =>
    [0, 1].map((region) => [...held].filter((page) => page.startsWith(`${region} `)).length),
  )
  assert.deepEqual(counts, [
    [EXPERTS / 2, EXPERTS / 2],
    [EXPERTS / 2, EXPERTS / 2],
  ])
  const { pages, bytes } = readControl(
    defined(world.take(FRAME.mapped)[0], 'an answer').bytes,
    mappedSchema,
  )
  assert.deepEqual([pages, bytes], [2 * EXPERTS, 2 * EXPERTS * PAGE_BYTES])
})

test('Domain refuses pages that do not fit, and goes on', () => {
  const world = new DomainWorld({ cards: 2, spec: { memoryBytes: 3 * PAGE_BYTES } })
  world.open()
  world.tell(FRAME.map, { id: 1, pages: allPages().slice(0, 7) })
  assert.deepEqual(world.failures(), [['CARD_FULL', -1, 1]])
  world.tell(FRAME.map, { id: 2, pages: allPages().slice(0, 6) })
  world.run()
  assert.equal(world.take(FRAME.mapped).length, 1)
  world.tell(FRAME.map, { id: 3, pages: allPages().slice(6, 7) })
  assert.deepEqual(world.failures(), [['CARD_FULL', -1, 3]])
  world.tell(FRAME.unmap, { id: 4, pages: allPages().slice(0, 1) })
  world.run()
  world.tell(FRAME.map, { id: 5, pages: allPages().slice(6, 7) })
  world.run()
  assert.equal(world.take(FRAME.mapped).length, 2)
  assert.deepEqual(world.released, allPages().slice(0, 1))
})

test('Domain tells what it holds after changes, a few times a second', () => {
  const world = serving({ cards: 2 })
  world.tick(1000)
  const status = defined(world.lastStatus(), 'a status')
  assert.equal(status.pages, EXPERTS)
  assert.equal(status.bytes, EXPERTS * PAGE_BYTES)
  assert.deepEqual(status.tierBytes, { device: 0, host: EXPERTS * PAGE_BYTES, disk: 0 })
  assert.deepEqual(
    status.cards.map(({ device, pages }) => [device, pages]),
    [
      ['cpu0', 6],
      ['cpu1', 6],
    ],
  )
  for (let i = 0; i < 100; i++) world.tick(10)
  assert.equal(world.lastStatus(), undefined)
  world.tell(FRAME.unmap, { id: 2, pages: allPages().slice(0, 3) })
  world.run()
  world.badPages = 2
  world.supply()
  world.tick(250)
  const next = defined(world.lastStatus(), 'a status')
  assert.equal(next.badPages, 2)
  assert.equal(next.tierBytes.disk, 3 * PAGE_BYTES)
})

test('Domain measures each card once, on pages that are there', () => {
  const world = new DomainWorld({ cards: 2 })
  world.open()
  world.tell(FRAME.map, { id: 1, pages: allPages().slice(0, 2) })
  world.run()
  assert.equal(world.domain.status.cards[0]?.points.length, 0)
  world.tick(10)
  world.tick(1000)
  world.run()
  for (const { points } of world.domain.status.cards) {
    assert.deepEqual(
      points,
      [1, 4, 16, 64].map((tokens) => ({ tokens, usPerPair: 100 })),
    )
  }
  const dispatches = world.cards.map((card) => card.dispatches)
  assert.deepEqual(dispatches, [8, 8])
  world.tick(5000)
  world.run()
  assert.deepEqual(
    world.cards.map((card) => card.dispatches),
    dispatches,
  )
})

test('Domain asks again when a card is lost over a dispatch and has come back', () => {
  const world = serving({ cards: 2 })
  const tokens = drawTokens(8)
  world.receive(dispatchOf(tokens))
  world.cards[0]?.work()
  world.kill(0)
  world.cards[1]?.work()
  world.hear(1)
  assert.equal(world.toHead.length, 0)
  world.tick(10)
  assert.deepEqual(world.restarts, [0])
  world.run()
  assert.deepEqual(rowsOf(defined(world.take(FRAME.combine)[0], 'an answer')), expected(tokens))
  assert.equal(world.domain.status.pages, EXPERTS)
})

test('Domain serves what other cards have while one is away, and gives up on that one in time', () => {
  const world = serving({ cards: 2 })
  const ofCard = (card: number): Token[] =>
    [...(world.cards[card]?.held ?? [])]
      .slice(0, 1)
      .map((page) => ({ x: 1, pairs: [{ expert: Number(page.split(' ')[1]), weight: 1 }] }))
  const [gone, there] = [ofCard(0), ofCard(1)]
  world.kill(0)
  world.tick(10)
  world.receive(dispatchOf(gone, { step: 1 }))
  world.receive(dispatchOf(there, { step: 2 }))
  world.cards[1]?.work()
  world.hear(1)
  assert.deepEqual(
    world.take(FRAME.combine).map(({ view }) => readHeader(view).step),
    [2],
  )
  world.take(FRAME.status)
  world.tick(5001)
  // The head hears of the pages first.
  assert.deepEqual(world.kinds(), [FRAME.gone, FRAME.failed, FRAME.status])
  assert.deepEqual(world.failures(), [['PAGE_NOT_MAPPED', 1, undefined]])
  const pages = allPages().filter(({ expert }) => !world.cards[1]?.held.has(`0 ${expert}`))
  assert.deepEqual(
    world.gone(),
    pages.map(({ expert }) => expert),
  )
  world.receive(dispatchOf(gone, { step: 3 }))
  assert.deepEqual(world.failures(), [['PAGE_NOT_MAPPED', 3, undefined]])
  world.run()
  world.tell(FRAME.map, { id: 2, pages })
  world.run()
  world.receive(dispatchOf(gone, { step: 4 }))
  world.run()
  assert.equal(world.take(FRAME.combine).length, 1)
  assert.deepEqual(world.gone(), [])
})

test('Domain says which pages a card that came back cannot read, before it refuses them', () => {
  const world = serving({ cards: 2 })
  const held = [...(world.cards[0]?.held ?? [])].map((page) => Number(page.split(' ')[1]))
  const [lost = 0, kept = 0] = held
  const tokenOf = (...experts: number[]): Token[] => [
    { x: 1, pairs: experts.map((expert) => ({ expert, weight: 1 })) },
  ]
  world.kill(0)
  world.tick(10)
  world.receive(dispatchOf(tokenOf(lost, kept), { step: 1 }))
  world.receive(dispatchOf(tokenOf(kept), { step: 2 }))
  const [card = 0] = world.restarts.splice(0)
  world.restart(card)
  world.cards[card]?.unreadable.add(`0 ${lost}`)
  world.run()
  const told = world.kinds().filter((kind) => kind !== FRAME.status)
  assert.deepEqual(
    told.toSorted((a, b) => a - b),
    [FRAME.failed, FRAME.combine, FRAME.gone],
  )
  assert.ok(told.indexOf(FRAME.gone) < told.indexOf(FRAME.failed))
  assert.deepEqual(world.failures(), [['PAGE_NOT_MAPPED', 1, undefined]])
  assert.deepEqual(world.gone(), [lost])
  assert.deepEqual(world.rejected, [{ region: 0, expert: lost }])
  const [answer] = world.take(FRAME.combine)
  assert.equal(readHeader(defined(answer, 'an answer').view).step, 2)
  assert.equal(world.domain.status.pages, EXPERTS - 1)
  world.cards[card]?.unreadable.clear()
  world.tell(FRAME.map, { id: 2, pages: [{ region: 0, expert: lost }] })
  world.run()
  world.receive(dispatchOf(tokenOf(lost, kept), { step: 3 }))
  world.run()
  assert.equal(world.take(FRAME.combine).length, 1)
})

test('Domain says nothing of pages that the head has not got or wants no more', () => {
  const world = serving({ cards: 2 })
  const [card, other] = world.cards
  const [page = 0] = [...(card?.held ?? [])].map((name) => Number(name.split(' ')[1]))
  const [never = 0] = [...(other?.held ?? [])].map((name) => Number(name.split(' ')[1]))
  world.tell(FRAME.unmap, { id: 2, pages: [page, never].map((expert) => ({ region: 0, expert })) })
  world.run()
  world.tell(FRAME.map, { id: 3, pages: [{ region: 0, expert: never }] })
  world.tell(FRAME.unmap, {
    id: 4,
    pages: [...(card?.held ?? [])].map((name) => ({
      region: 0,
      expert: Number(name.split(' ')[1]),
    })),
  })
  for (const one of [0, 1]) {
    for (const { expert } of allPages()) world.cards[one]?.unreadable.add(`0 ${expert}`)
  }
  world.kill(0)
  world.tick(10)
  world.run()
  assert.deepEqual(world.gone(), [])
  world.tick(6000)
  world.run()
  assert.deepEqual(world.gone(), [])
})

test('Domain gives up the pages that a slow card has not back in time, and keeps the others', () => {
  const world = serving({ cards: 2 })
  world.kill(0)
  world.tick(10)
  const [at = 0] = world.restarts.splice(0)
  world.restart(at)
  const card = defined(world.cards[at], 'the card')
  // All but the pages, which it does not get to.
  while (card.inbox.every(({ view }) => readHeader(view).kind !== FRAME.map)) {
    while (world.hear(at));
    const [next] = card.inbox
    if (next !== undefined && readHeader(next.view).kind !== FRAME.map) card.work()
  }
  while (card.inbox.some(({ view }) => readHeader(view).kind === FRAME.records)) {
    const learn = card.inbox.findIndex(({ view }) => readHeader(view).kind === FRAME.records)
    card.inbox.unshift(...card.inbox.splice(learn, 1))
    card.work()
    world.hear(at)
  }
  world.tick(5001)
  const gone = world.gone()
  assert.equal(gone.length, EXPERTS / 2)
  world.tell(FRAME.map, { id: 2, pages: gone.map((expert) => ({ region: 0, expert })) })
  world.run()
  assert.equal(world.take(FRAME.mapped).length, 1)
  assert.equal(world.domain.status.pages, EXPERTS)
  assert.equal(world.cards[at]?.held.size, EXPERTS / 2)
})

test('Domain does not let one dispatch take a card down for ever', () => {
  const world = serving()
  world.receive(dispatchOf(drawTokens(1), { step: 9 }))
  for (let times = 0; times < 2; times++) {
    world.kill(0)
    world.tick(10)
    world.restarts.splice(0)
    world.restart(0)
    // Up to the dispatch, which is sent as soon as all pages are back.
    const card = defined(world.cards[0], 'the card')
    for (let i = 0; i < 20; i++) {
      world.hear(0)
      const [next] = card.inbox
      if (next !== undefined && readHeader(next.view).kind !== FRAME.dispatch) card.work()
    }
    world.tick(10)
  }
  assert.deepEqual(world.failures(), [['CARD_LOST', 9, undefined]])
  world.run()
  world.receive(dispatchOf(drawTokens(1), { step: 10 }))
  world.run()
  assert.equal(world.take(FRAME.combine).length, 1)
})

test('Domain lets the pages of a card go that does not come back, and takes it when it does', () => {
  const world = serving({ cards: 2 })
  world.kill(0)
  for (let tries = 0; tries < 3; tries++) {
    for (let i = 0; i < 4000 && world.restarts.length === 0; i++) world.tick(10)
    world.restarts.splice(0)
    world.kill(0)
  }
  world.tick(250)
  const status = defined(world.lastStatus(), 'a status')
  assert.deepEqual(
    status.cards.map(({ pages, memoryBytes }) => [pages, memoryBytes]),
    [
      [0, 0],
      [6, 1e6],
    ],
  )
  assert.equal(world.released.length, 6)
  assert.equal(world.gone().length, 6)
  world.tell(FRAME.map, { id: 2, pages: allPages() })
  world.run()
  assert.equal(world.take(FRAME.mapped).length, 1)
  assert.equal(world.cards[1]?.held.size, EXPERTS)
  for (let i = 0; i < 4000 && world.restarts.length === 0; i++) world.tick(10)
  world.run()
  assert.deepEqual(
    world.domain.status.cards.map(({ memoryBytes }) => memoryBytes),
    [1e6, 1e6],
  )
})

test('Domain takes a card that says nonsense or nothing for lost', () => {
  const world = serving()
  const card = defined(world.cards[0], 'the card')
  world.receive(dispatchOf(drawTokens(2), { step: 4 }))
  card.work()
  const [answer] = card.outbox
  defined(answer, 'an answer').view.setUint32(8, 3, true)
  world.hear(0)
  world.tick(10)
  assert.deepEqual(world.restarts, [0])
  world.run()
  assert.equal(world.take(FRAME.combine).length, 1)
  world.receive(dispatchOf(drawTokens(2), { step: 5 }))
  world.tick(61_000)
  assert.deepEqual(world.restarts, [])
  world.tick(10)
  assert.deepEqual(world.restarts, [0])
})

test('Domain fails when a card never starts', () => {
  const world = new DomainWorld({ cards: 2 })
  world.kill(1)
  assert.equal(world.domain.failure?.code, 'CARD_FAILED')
  assert.equal(world.domain.isLoaded, false)
})

test('Domain never passes files of this host on that a head names', () => {
  const world = new DomainWorld({})
  world.open()
  const source = { file: 'secret', offset: 0 }
  world.tell(FRAME.map, { id: 1, pages: allPages().slice(0, 1), sources: [source] })
  world.supply()
  const frame = defined(world.cards[0]?.inbox[0], 'a map')
  assert.doesNotMatch(new TextDecoder().decode(frame.bytes), /secret/)
})

test('Domain answers frames that it does not expect', () => {
  const world = serving()
  world.tell(FRAME.ready, {})
  world.tell(FRAME.map, { id: 'x' })
  assert.deepEqual(world.failures(), [
    ['FRAME_INVALID', -1, undefined],
    ['FRAME_INVALID', -1, undefined],
  ])
})
