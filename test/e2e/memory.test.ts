import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defined } from '../../src/base/assert.js'
import { residentBytes } from '../../src/base/process-memory.js'
import { mapPages } from '../../src/gguf/pages.js'
import { openGguf } from '../../src/gguf/reader.js'
import { promptOf } from '../engine/support.js'
import { qwenModel } from './models.js'
import { completeTokens } from './requests.js'
import { metric, serve } from './served.js'

const MEBIBYTE = 1024 * 1024
const CARDS = 2
/** What the process of a card may take beside its pages. */
const CARD_OVERHEAD_BYTES = 150 * MEBIBYTE
/** What the memory of the same engine may differ by from one run to the next. */
const HEAD_NOISE_BYTES = 20 * MEBIBYTE

const TRUNK = { layers: 4, width: 512, expertsUsed: 4 }

type Measured = {
  readonly expertBytes: number
  readonly head: number
  readonly cards: readonly number[]
  readonly pageBytes: number
}

/** Resident bytes after prefill and decode have touched what they need. */
async function measure(expertWidth: number): Promise<Measured> {
  const path = qwenModel({ ...TRUNK, experts: 32, expertWidth }, { type: 'q8_0' })
  await using served = await serve(path, '--cards', String(CARDS))
  await completeTokens(served.url, { prompt: promptOf(200), count: 8 })
  const memory = (pid: number): number => defined(residentBytes(pid), 'resident bytes')
  return {
    expertBytes: mapPages(openGguf(path)).expertBytes,
    head: memory(served.enginePid()),
    cards: served.cardPids().map(memory),
    pageBytes: await metric(served.url, 'card_page_bytes'),
  }
}

test('experts on cards take no memory at the head and little more than their bytes', async () => {
  const small = await measure(32)
  const large = await measure(512)
  assert.ok(large.expertBytes > 100 * MEBIBYTE)
  assert.equal(large.pageBytes, large.expertBytes)
  const growth = large.head - small.head
  assert.ok(growth < HEAD_NOISE_BYTES, `the head grew by ${growth} bytes`)
  for (const bytes of large.cards) {
    const overhead = bytes - large.pageBytes / CARDS
    assert.ok(overhead < CARD_OVERHEAD_BYTES, `a card takes ${overhead} bytes beside its pages`)
  }
})
