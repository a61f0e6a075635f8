import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { defined } from '../../src/base/assert.js'
import { Prng } from '../../src/base/prng.js'
import type { PageRef } from '../../src/pages/manifest.js'
import { PageFetcher } from '../../src/pages/page-fetcher.js'
import { loosePages, sourceOf } from './support.js'

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

test('PageFetcher asks sources in order of preference and tells how it goes', async () => {
  const first = sourceOf('first', right, (page) => page.expert < 20)
  const fetcher = new PageFetcher([first, sourceOf('second', right)])
  const { onPage, got } = taker()
  const seen: number[] = []
  const result = await fetcher.fetch(wanted, {
    onPage,
    onProgress: ({ pages: done, bytes, totalPages, totalBytes }) => {
      assert.deepEqual([bytes, totalPages, totalBytes], [done * 1000, 60, 60_000])
      seen.push(done)
    },
  })
  assert.deepEqual(result, { pages: 60, bytes: 60_000, failed: [] })
  assert.equal(got.size, 60)
  assert.deepEqual(
    seen,
    Array.from({ length: 60 }, (_, i) => i + 1),
  )
  assert.deepEqual(
    fetcher.counts.map(({ name, pages: count }) => [name, count]),
    [
      ['first', 20],
      ['second', 40],
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
  const fetcher = new PageFetcher([liar, sourceOf('honest', right)], { parallel: 1 })
  const { onPage, got } = taker()
  const result = await fetcher.fetch(wanted, { onPage })
  assert.deepEqual(result.failed, [])
  assert.equal(got.size, 60)
  assert.equal(asked, 3)
  assert.deepEqual(rejected, [0, 1, 2])
  const [bad, good] = fetcher.counts
  assert.deepEqual([bad?.badPages, bad?.isBarred, bad?.pages], [3, true, 0])
  assert.deepEqual([good?.badPages, good?.isBarred, good?.pages], [0, false, 60])
})

test('PageFetcher names the page and what every source said', async () => {
  const sources = [
    sourceOf('alpha', fail),
    sourceOf('beta', right, () => false),
    sourceOf('gamma', wrong),
  ]
  const fetcher = new PageFetcher(sources)
  const [page] = wanted
  assert.ok(page !== undefined)
  const { failed } = await fetcher.fetch([page], { onPage: assert.fail })
  assert.equal(failed.length, 1)
  const { error } = defined(failed[0], 'a failure')
  assert.equal(error.code, 'PAGE_UNAVAILABLE')
  assert.equal(
    error.message,
    'the page of layer 0 expert 0 cannot be fetched: alpha: the line is dead; ' +
      'beta: does not have it; gamma: gave wrong bytes',
  )
  const none = await new PageFetcher([]).fetch([page], { onPage: assert.fail })
  assert.match(none.failed[0]?.error.message ?? '', /there is no source/)
})

test('PageFetcher calls a page corrupt when all that was given is wrong', async () => {
  const fetcher = new PageFetcher([sourceOf('a', wrong), sourceOf('b', wrong)])
  const { failed } = await fetcher.fetch(wanted.slice(0, 1), { onPage: assert.fail })
  assert.equal(failed[0]?.error.code, 'PAGE_CORRUPT')
})

test('PageFetcher goes on with other pages when some are nowhere', async () => {
  const source = sourceOf('some', right, (page) => page.expert % 3 !== 0)
  const { onPage, got } = taker()
  const result = await new PageFetcher([source]).fetch(wanted, { onPage })
  assert.equal(got.size, 40)
  assert.equal(result.pages, 40)
  assert.deepEqual(
    result.failed.map(({ page }) => page.expert % 3),
    new Array(20).fill(0),
  )
})

test('PageFetcher leaves a dead source alone until the next fetch', async () => {
  let asked = 0
  let isDead = true
  const source = sourceOf('flapping', (page) => {
    asked++
    return isDead ? fail() : right(page)
  })
  const fetcher = new PageFetcher([source, sourceOf('other', right)], {
    parallel: 1,
    failuresMax: 4,
  })
  await fetcher.fetch(wanted, taker())
  assert.equal(asked, 4)
  isDead = false
  await fetcher.fetch(wanted, taker())
  assert.equal(asked, 64)
  assert.equal(fetcher.counts[0]?.failures, 4)
})

test('PageFetcher keeps to its bounds of pages and bytes until pages are taken', async () => {
  let reading = 0
  let readingMax = 0
  let held = 0
  let heldMax = 0
  const source = sourceOf('slow', async (page) => {
    held += page.bytes
    heldMax = Math.max(heldMax, held)
    readingMax = Math.max(readingMax, ++reading)
    await turn()
    reading--
    return right(page)
  })
  const onPage = async (page: PageRef): Promise<void> => {
    for (let i = 0; i < 3; i++) await turn()
    held -= page.bytes
  }
  const options = { parallel: 6, inFlightBytesMax: 4000 }
  await new PageFetcher([source], options).fetch(wanted, { onPage })
  assert.equal(heldMax, 4000)
  assert.ok(readingMax <= 4)
  // A page larger than the whole budget goes alone.
  heldMax = 0
  await new PageFetcher([source], { inFlightBytesMax: 10 }).fetch(wanted, { onPage })
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
  const fetcher = new PageFetcher([source], { parallel: 5 })
  const { signal } = stop
  await assert.rejects(fetcher.fetch(wanted, { onPage: assert.fail, signal }), reason)
  assert.equal(asked, 5)
  const full = new Error('the disk is full')
  const onPage = () => {
    throw full
  }
  await assert.rejects(new PageFetcher([sourceOf('a', right)]).fetch(wanted, { onPage }), full)
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
      const fetcher = new PageFetcher([faulty, sourceOf('good', right)], {
        parallel,
        inFlightBytesMax: 1000 + prng.nextBelow(9000),
      })
      const { onPage, got } = taker()
      const result = await fetcher.fetch(wanted, { onPage })
      assert.equal(got.size, 60)
      assert.deepEqual(result.failed, [])
      const counted = fetcher.counts.reduce((sum, { pages: count }) => sum + count, 0)
      assert.equal(counted, 60)
    }),
    { numRuns: 40 },
  )
})
