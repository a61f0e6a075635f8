import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { defined } from '../../src/base/assert.js'
import { Prng } from '../../src/base/prng.js'
import type { PageRef } from '../../src/pages/manifest.js'
import type { PageSource } from '../../src/pages/page-source.js'
import { fetchAll, fetcherOf, loosePages, sourceOf } from './support.js'

const pages = loosePages(60)
const wanted = pages.map(({ page }) => page)
const right = (page: PageRef): Uint8Array => defined(pages[page.expert], 'a page').bytes.slice()
const wrong = (page: PageRef): Uint8Array => right(page).fill(0xee)
const fail = (): never => {
  throw new Error('the line is dead')
}

/** Takes pages and checks that each comes once and is right. */
function taker(): { onPage: (page: PageRef, bytes: Uint8Array) => void; got: Set<number> } {
  const got = new Set<number>()
  const onPage = (page: PageRef, bytes: Uint8Array): void => {
    assert.deepEqual(bytes, right(page))
    assert.ok(!got.has(page.expert))
    got.add(page.expert)
  }
  return { onPage, got }
}

test('PageFetcher asks sources in order of preference and counts what they give', async () => {
  const first = sourceOf('first', right, (page) => page.expert < 20)
  const fetcher = fetcherOf([first, sourceOf('second', right)])
  const { onPage, got } = taker()
  assert.deepEqual(await fetchAll(fetcher, wanted, { onPage }), [])
  assert.equal(got.size, 60)
  assert.deepEqual(
    fetcher.counts.map(({ name, pages: count, bytes }) => [name, count, bytes]),
    [
      ['first', 20, 20_000],
      ['second', 40, 40_000],
    ],
  )
})

test('PageFetcher fetches a wrong page again from elsewhere and soon stops asking', async () => {
  let asked = 0
  const rejected: number[] = []
  const liar = {
    ...sourceOf('liar', (page) => {
      asked++
      return page.expert % 2 === 0 ? wrong(page) : right(page).slice(1)
    }),
    reject: (page: PageRef) => rejected.push(page.expert),
  }
  const told: string[] = []
  const onBadPage = (page: PageRef, { name }: PageSource) => told.push(`${name} ${page.expert}`)
  const fetcher = fetcherOf([liar, sourceOf('honest', right)], { onBadPage })
  const { onPage, got } = taker()
  assert.deepEqual(await fetchAll(fetcher, wanted, { onPage, parallel: 1 }), [])
  assert.equal(got.size, 60)
  assert.equal(asked, 3)
  assert.deepEqual(rejected, [0, 1, 2])
  assert.deepEqual(told, ['liar 0', 'liar 1', 'liar 2'])
  const [bad, good] = fetcher.counts
  assert.deepEqual([bad?.badPages, bad?.isBarred, bad?.pages], [3, true, 0])
  assert.deepEqual([good?.badPages, good?.isBarred, good?.pages], [0, false, 60])
  assert.equal(fetcher.badPages, 3)
})

test('PageFetcher goes on asking a damaged source of its own machine', async () => {
  const read = (page: PageRef) => (page.expert < 30 ? wrong(page) : right(page))
  const own = { ...sourceOf('own', read), isOwn: true }
  const fetcher = fetcherOf([own, sourceOf('other', right)])
  await fetchAll(fetcher, wanted, taker())
  const [count] = fetcher.counts
  assert.deepEqual([count?.badPages, count?.pages, count?.isBarred], [30, 30, false])
})

test('PageFetcher names the page and what every source said', async () => {
  const sources = [
    sourceOf('alpha', fail),
    sourceOf('beta', right, () => false),
    sourceOf('gamma', wrong),
  ]
  const [page] = wanted
  assert.ok(page !== undefined)
  const [failed] = await fetchAll(fetcherOf(sources), [page], { onPage: assert.fail })
  assert.equal(failed?.error.code, 'PAGE_UNAVAILABLE')
  assert.equal(
    failed.error.message,
    'the page of layer 0 expert 0 cannot be fetched: alpha: the line is dead; ' +
      'beta: does not have it; gamma: gave wrong bytes',
  )
  const [none] = await fetchAll(fetcherOf([]), [page], { onPage: assert.fail })
  assert.match(none?.error.message ?? '', /there is no source/)
})

test('PageFetcher calls a page corrupt when all that was given is wrong', async () => {
  const fetcher = fetcherOf([sourceOf('a', wrong), sourceOf('b', wrong)])
  const [failed] = await fetchAll(fetcher, wanted.slice(0, 1), { onPage: assert.fail })
  assert.equal(failed?.error.code, 'PAGE_CORRUPT')
})

test('PageFetcher asks sources that came since, and no longer those that left', async () => {
  const sources = [sourceOf('old', right)]
  const fetcher = fetcherOf(sources)
  await fetchAll(fetcher, wanted.slice(0, 10), taker())
  sources[0] = sourceOf('new', right)
  await fetchAll(fetcher, wanted.slice(10), taker())
  assert.deepEqual(
    fetcher.counts.map(({ name, pages: count }) => [name, count]),
    [
      ['old', 10],
      ['new', 50],
    ],
  )
})

test('PageFetcher leaves a dead source alone for a while', async () => {
  let asked = 0
  let isDead = true
  let nowMs = 1000
  const source = sourceOf('flapping', (page) => {
    asked++
    return isDead ? fail() : right(page)
  })
  const options = { failuresMax: 4, restMs: 500, now: () => nowMs }
  const fetcher = fetcherOf([source, sourceOf('other', right)], options)
  await fetchAll(fetcher, wanted, { ...taker(), parallel: 1 })
  assert.equal(asked, 4)
  nowMs += 500
  await fetchAll(fetcher, wanted, { ...taker(), parallel: 1 })
  assert.equal(asked, 5, 'one more failure and it rests again')
  nowMs += 500
  isDead = false
  await fetchAll(fetcher, wanted, { ...taker(), parallel: 1 })
  assert.equal(asked, 65)
  assert.equal(fetcher.counts[0]?.failures, 5)
})

test('PageFetcher keeps to its bound of bytes until pages are used', async () => {
  let held = 0
  let heldMax = 0
  const source = sourceOf('slow', async (page) => {
    held += page.bytes
    heldMax = Math.max(heldMax, held)
    await turn()
    return right(page)
  })
  const onPage = async (page: PageRef): Promise<void> => {
    for (let i = 0; i < 3; i++) await turn()
    held -= page.bytes
  }
  await fetchAll(fetcherOf([source], { inFlightBytesMax: 4000 }), wanted, { onPage })
  assert.equal(heldMax, 4000)
  // A page larger than the whole budget goes alone.
  heldMax = 0
  await fetchAll(fetcherOf([source], { inFlightBytesMax: 10 }), wanted, { onPage })
  assert.equal(heldMax, 1000)
})

test('PageFetcher stops at once when told or when nobody takes its pages', async () => {
  const stop = new AbortController()
  const reason = new Error('enough')
  let asked = 0
  const source = sourceOf('endless', (_, signal) => {
    if (++asked === 5) stop.abort(reason)
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(new Error('told to stop')))
    })
  })
  const { signal } = stop
  const fetching = { onPage: assert.fail, parallel: 5, signal }
  await assert.rejects(fetchAll(fetcherOf([source]), wanted, fetching), reason)
  assert.equal(asked, 5)
  const full = new Error('the disk is full')
  const onPage = () => {
    throw full
  }
  await assert.rejects(fetchAll(fetcherOf([sourceOf('a', right)]), wanted, { onPage }), full)
})

test('PageFetcher gives every page once for any mixture of faults and one good source', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.integer({ min: 1, max: 9 }), async (seed, parallel) => {
      const prng = Prng.fromSeed(seed)
      const faulty = sourceOf('faulty', async (page) => {
        for (let i = prng.nextBelow(3); i > 0; i--) await turn()
        const choice = prng.nextBelow(4)
        return choice === 0 ? wrong(page) : choice === 1 ? fail() : right(page)
      })
      const inFlightBytesMax = 1000 + prng.nextBelow(9000)
      const fetcher = fetcherOf([faulty, sourceOf('good', right)], { inFlightBytesMax })
      const { onPage, got } = taker()
      assert.deepEqual(await fetchAll(fetcher, wanted, { onPage, parallel }), [])
      assert.equal(got.size, 60)
      const counted = fetcher.counts.reduce((sum, { pages: count }) => sum + count, 0)
      assert.equal(counted, 60)
    }),
    { numRuns: 40 },
  )
})
