import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PageWork } from '../../src/card/page-work.js'

/** A clock, and tasks whose pages take as long as told. */
function setUp() {
  const clock = { ms: 0 }
  const done: string[] = []
  function* pages(name: string, { count, ms }: { count: number; ms: number }) {
    for (let page = 0; page < count; page++) {
      if (page > 0) yield
      clock.ms += ms
      done.push(`${name}${page}`)
    }
  }
  return { clock, done, pages, work: new PageWork(() => clock.ms) }
}

test('PageWork does one page per step, in the order the tasks came', () => {
  const { work, pages, done } = setUp()
  assert.ok(work.isEmpty)
  assert.equal(work.step(), undefined)
  work.add({ id: 7, steps: pages('a', { count: 2, ms: 1 }) })
  work.add({ id: 8, steps: pages('b', { count: 1, ms: 1 }) })
  assert.deepEqual([work.step(), work.step(), work.step()], [undefined, { id: 7 }, { id: 8 }])
  assert.deepEqual(done, ['a0', 'a1', 'b0'])
  assert.ok(work.isEmpty)
})

test('PageWork goes on with the next task after one that failed', () => {
  const { work, pages, done } = setUp()
  const error = new Error('no')
  work.add({
    id: 1,
    steps: {
      next: () => {
        throw error
      },
    },
  })
  work.add({ id: 2, steps: pages('b', { count: 1, ms: 1 }) })
  assert.deepEqual([work.step(), work.step()], [{ id: 1, error }, { id: 2 }])
  assert.deepEqual(done, ['b0'])
})

test('PageWork leaves a card that is in use most of the time, and an idle one none', () => {
  const { work, pages, clock } = setUp()
  work.add({ id: 1, steps: pages('a', { count: 9, ms: 4 }) })
  assert.equal(work.restMs, 0)
  work.step()
  assert.equal(work.restMs, 0)
  work.noteDispatch()
  assert.equal(work.restMs, 28)
  clock.ms += 20
  assert.equal(work.restMs, 8)
  clock.ms += 10
  assert.equal(work.restMs, 0)
  work.step()
  assert.equal(work.restMs, 28)
  clock.ms += 100
  work.step()
  assert.equal(work.restMs, 0)
})

test('PageWork rests no longer after a page that was very slow', () => {
  const { work, pages } = setUp()
  work.add({ id: 1, steps: pages('a', { count: 2, ms: 4000 }) })
  work.step()
  work.noteDispatch()
  assert.equal(work.restMs, 50)
  assert.equal(work.isDue, false)
})

test('PageWork refuses more tasks than it may keep', () => {
  const { work, pages } = setUp()
  const add = () => work.add({ id: 1, steps: pages('a', { count: 1, ms: 1 }) })
  for (let task = 0; task < 64; task++) add()
  assert.throws(add, { code: 'CARD_BUSY' })
  work.step()
  add()
})
