import assert from 'node:assert/strict'
import { mkdirSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { defined } from '../../src/base/assert.js'
import type { ActivationStep } from '../../src/base/expert.js'
import { Prng } from '../../src/base/prng.js'
import type { MapRequest } from '../../src/fabric/control.js'
import type { WeightType } from '../../src/gguf/quantize.js'
import { testModel } from '../support/models.js'
import { scratchDirectory } from '../support/scratch.js'
import {
  computeOnCard,
  loadOf,
  NaiveExperts,
  normalizedError,
  openKernel,
  openStore,
  recordOf,
  type Token,
  writePages,
} from './support.js'

const EXPERTS = [0, 1, 2, 3, 4, 5, 6, 7]
const SWIGLU: ActivationStep = {
  op: 'glu',
  fn: 'SWIGLU_OAI',
  gate: 0,
  up: 1,
  alpha: 1.702,
  limit: 0.5,
}
const TENSORS = ['gate', 'up', 'down'].flatMap((role) =>
  ['weight', 'scale', 'bias'].map((kind) => `${role}.${kind}`),
)

type Store = ReturnType<typeof openStore>

function load(
  pages: readonly number[],
  { slots, type = 'f32' }: { slots?: number; type?: WeightType },
) {
  const path = testModel('gpt-oss', type === 'f32' ? {} : { type })
  const made = loadOf(path, { tensors: TENSORS, pages })
  const regions = made.regions.map((region) => ({ ...region, ...(slots && { slots }) }))
  return { ...made, regions }
}

function open(pages: readonly number[], options: { slots?: number; type?: WeightType }) {
  const message = load(pages, options)
  const record = recordOf(message, { activation: [SWIGLU], weights: 'after' })
  return { ...openStore(message, record), message, record }
}

const at = (experts: readonly number[]): MapRequest['pages'] =>
  experts.map((expert) => ({ region: 0, expert }))

function finish(steps: Iterator<void, void>): number {
  let count = 1
  while (steps.next().done !== true) count++
  return count
}

function drawTokens(count: number, experts: readonly number[]): Token[] {
  const prng = Prng.fromSeed(count)
  return Array.from({ length: count }, () => {
    const keys = experts.map((expert) => ({ expert, key: prng.nextFloat() }))
    keys.sort((a, b) => a.key - b.key)
    return {
      x: Float32Array.from({ length: 256 }, () => prng.nextGaussian()),
      pairs: keys.slice(0, 2).map(({ expert }) => ({ expert, weight: prng.nextFloat() })),
    }
  })
}

/** What the store and its kernel are, for those who must not change them. */
function stateOf({ store, kernel }: Store) {
  const { table } = defined(store.regions[0], 'region')
  const slots = EXPERTS.map((expert) => table.slotOf(expert))
  const held = EXPERTS.filter((expert) => table.slotOf(expert) >= 0)
  const { pages, bytes } = store
  return { pages, bytes, slots, free: table.free, sums: computeOnCard(kernel, drawTokens(3, held)) }
}

for (const type of ['f32', 'q4_0', 'q8_0', 'mxfp4'] as const) {
  test(`PageStore changes its pages and computes the same bits: ${type}`, () => {
    const all = load(EXPERTS, { type })
    const card = open([1, 2], { slots: 5, type })
    const wanted = openKernel(all, card.record)
    const naive = new NaiveExperts(all, card.record)
    const compare = (experts: readonly number[]): void => {
      for (const count of [1, 5, 40]) {
        const tokens = drawTokens(count, experts)
        const found = computeOnCard(card.kernel, tokens)
        assert.deepEqual(found, computeOnCard(wanted, tokens))
        const error = normalizedError(
          found,
          tokens.map((token) => naive.compute(token)),
        )
        assert.ok(error <= (type === 'f32' ? 1e-10 : 1e-3), String(error))
      }
    }
    const file = join(scratchDirectory(), 'pages')
    const sources = writePages(all, { experts: [0, 6], file })
    compare([1, 2])
    assert.equal(finish(card.store.map({ pages: at([5, 7, 4]) })), 3)
    compare([1, 2, 4, 5, 7])
    assert.equal(finish(card.store.unmap({ pages: at([1, 5]) })), 2)
    compare([2, 4, 7])
    finish(card.store.map({ pages: at([0, 6]), sources }))
    compare([0, 2, 4, 6, 7])
    finish(card.store.unmap({ pages: at([4, 0]) }))
    finish(card.store.map({ pages: at([1, 0]), sources: [null, defined(sources[0], 'source')] }))
    compare([0, 1, 2, 6, 7])
    assert.equal(card.store.pages, 5)
    assert.equal(card.store.bytes, (5 * openStore(all, card.record).store.bytes) / 8)
  })
}

test('PageStore shows the pages of a map when all of them are in place', () => {
  const card = open([1, 2], { slots: 5 })
  const { table } = defined(card.store.regions[0], 'region')
  const steps = card.store.map({ pages: at([3, 4, 5]) })
  for (let step = 0; step < 2; step++) {
    assert.equal(steps.next().done, false)
    assert.deepEqual(
      [3, 4, 5].map((expert) => table.slotOf(expert)),
      [-1, -1, -1],
    )
    const [token] = drawTokens(1, [2, 3])
    assert.ok(token)
    assert.throws(() => computeOnCard(card.kernel, [token]), { code: 'PAGE_NOT_MAPPED' })
  }
  assert.equal(steps.next().done, true)
  assert.ok([3, 4, 5].every((expert) => table.slotOf(expert) >= 0))
})

const folder = scratchDirectory()
const short = join(folder, 'short')
writePages(load([], {}), { experts: [3], file: short })
truncateSync(short, 1000)
mkdirSync(join(folder, 'folder'))

const source = (file: string) => ({ file: join(folder, file), offset: 0 })

const REFUSED: ReadonlyArray<readonly [string, string, Omit<MapRequest, 'id'>]> = [
  ['more pages than slots', 'CARD_FULL', { pages: at([3, 4, 5]) }],
  ['a page that is there', 'PAGE_MAPPED', { pages: at([3, 2]) }],
  ['a page twice', 'FRAME_INVALID', { pages: at([3, 3]) }],
  ['an expert that does not exist', 'FRAME_INVALID', { pages: at([3, 8]) }],
  ['a region that does not exist', 'FRAME_INVALID', { pages: [{ region: 1, expert: 0 }] }],
  ['fewer sources than pages', 'FRAME_INVALID', { pages: at([3, 4]), sources: [null] }],
  ['a missing file', 'FILE_NOT_FOUND', { pages: at([4, 3]), sources: [null, source('none')] }],
  ['a folder', 'FILE_UNREADABLE', { pages: at([4, 3]), sources: [null, source('folder')] }],
  ['a short file', 'PAGE_CORRUPT', { pages: at([4, 3]), sources: [null, source('short')] }],
]

for (const [name, code, request] of REFUSED) {
  test(`PageStore refuses ${name} and is as it was`, () => {
    const card = open([1, 2], { slots: 4 })
    const before = stateOf(card)
    assert.throws(() => finish(card.store.map(request)), { code })
    assert.deepEqual(stateOf(card), before)
    finish(card.store.map({ pages: at([3, 4]) }))
    assert.equal(card.store.pages, 4)
  })
}

test('PageStore refuses to let pages go that it does not have', () => {
  const card = open([1, 2], { slots: 4 })
  const before = stateOf(card)
  const unmap = (pages: MapRequest['pages']) => () => finish(card.store.unmap({ pages }))
  assert.throws(unmap(at([1, 3])), { code: 'PAGE_NOT_MAPPED' })
  assert.throws(unmap(at([1, 1])), { code: 'FRAME_INVALID' })
  assert.throws(unmap([{ region: 7, expert: 1 }]), { code: 'FRAME_INVALID' })
  assert.deepEqual(stateOf(card), before)
})

test('PageStore has room for as many pages as it begins with unless told otherwise', () => {
  for (const pages of [[], [1]]) {
    const { store } = open(pages, {})
    assert.throws(() => finish(store.map({ pages: at([3]) })), { code: 'CARD_FULL' })
  }
})

test('PageStore needs no file of the model when all pages come from elsewhere', () => {
  const all = load(EXPERTS, {})
  const file = join(scratchDirectory(), 'pages')
  const [first, second] = writePages(all, { experts: [6, 3], file })
  assert.ok(first && second)
  const message = { ...load([], { slots: 2 }), files: [] }
  const record = recordOf(all, { activation: [SWIGLU], weights: 'after' })
  const { store, kernel } = openStore(message, record)
  assert.throws(() => finish(store.map({ pages: at([6]) })), { code: 'FRAME_INVALID' })
  finish(store.map({ pages: at([3, 6]), sources: [second, first] }))
  const tokens = drawTokens(4, [3, 6])
  assert.deepEqual(computeOnCard(kernel, tokens), computeOnCard(openKernel(all, record), tokens))
})
