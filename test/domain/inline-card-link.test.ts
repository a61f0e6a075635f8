import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defined } from '../../src/base/assert.js'
import { InlineCardLink } from '../../src/domain/inline-card-link.js'
import { controlFrame, type LoadRegion } from '../../src/fabric/control.js'
import { encodingByte } from '../../src/fabric/dispatch.js'
import {
  FRAME,
  type FrameKind,
  HEADER_BYTES,
  readHeader,
  writeHeader,
} from '../../src/fabric/frame.js'
import { loadLibraries } from '../../src/native/library.js'
import type { NativeBuffer } from '../../src/native/memory.js'
import { dispatchFrame, loadOf, recordOf, type Token } from '../card/support.js'
import { drawTokens } from '../fleet/support.js'
import { testModel } from '../support/models.js'
import { copyOf } from './fake-card.js'

const TENSORS = ['gate.weight', 'up.weight', 'down.weight']

/** A card that began with three experts and has room for all. */
function openLink(): {
  link: InlineCardLink
  clock: { ms: number; step: number }
  send: (frame: NativeBuffer) => boolean
  dispatch: (tokens: readonly Token[]) => NativeBuffer
} {
  loadLibraries('cpu')
  const clock = { ms: 0, step: 0 }
  const now = (): number => {
    clock.ms += clock.step
    return clock.ms
  }
  const link = new InlineCardLink({ hello: { device: 'cpu' }, now })
  const load = loadOf(testModel('qwen3moe'), { tensors: TENSORS, pages: [0, 1, 2] })
  const regions = load.regions.map((region): LoadRegion => ({ ...region, slots: 8 }))
  const record = recordOf(load, {
    activation: [{ op: 'glu', fn: 'SWIGLU', gate: 0, up: 1, alpha: 0, limit: 0 }],
    weights: 'after',
  })
  const send = (frame: NativeBuffer): boolean => link.send(frame, frame.bytes.length)
  send(controlFrame(FRAME.load, { ...load, regions }))
  send(controlFrame(FRAME.records, { records: [record] }))
  assert.deepEqual(kindsOf(link), [FRAME.hello, FRAME.ready, FRAME.ready])
  const dispatch = (tokens: readonly Token[]): NativeBuffer => {
    const frame = dispatchFrame(record, { tokens, encoding: 'f32' })
    writeHeader(frame.view, {
      ...{ payloadBytes: frame.bytes.length - HEADER_BYTES, kind: FRAME.dispatch, region: 0 },
      encoding: encodingByte({ dispatch: 'f32', combine: 'f32', isSummed: true }),
      ...{ step: 1, attempt: 0, tokens: tokens.length, computeUs: 0 },
    })
    return frame
  }
  return { link, clock, send, dispatch }
}

function kindsOf(link: InlineCardLink): FrameKind[] {
  const kinds: number[] = []
  for (let frame = link.poll(); frame !== undefined; frame = link.poll()) {
    if (frame === 'gone') break
    kinds.push(readHeader(frame.buffer.view).kind)
  }
  return kinds as FrameKind[]
}

/** Tokens that want only experts the card has. */
const tokens = drawTokens(3).map(({ x }) => ({
  x,
  pairs: [0, 1, 2].map((expert) => ({ expert, weight: 1 + expert })),
}))

test('InlineCardLink keeps answers apart until they are fetched', () => {
  const { link, send, dispatch } = openLink()
  const each = tokens.map((token) => {
    send(dispatch([token]))
    return copyOf(received(link)).bytes.slice(HEADER_BYTES)
  })
  for (const token of tokens) send(dispatch([token]))
  for (const wanted of each) assert.deepEqual(payloadOf(link), wanted)
  // Memory is used again only when an answer has been looked at.
  send(dispatch([defined(tokens[0], 'a token')]))
  const first = received(link)
  const before = first.buffer.bytes.slice(0, first.bytes)
  send(dispatch([defined(tokens[1], 'a token')]))
  assert.deepEqual(first.buffer.bytes.slice(0, first.bytes), before)
  assert.deepEqual(payloadOf(link), each[1])
})

function received(link: InlineCardLink) {
  const frame = link.poll()
  assert.ok(frame !== undefined && frame !== 'gone')
  return frame
}

function payloadOf(link: InlineCardLink): Uint8Array {
  return copyOf(received(link)).bytes.slice(HEADER_BYTES)
}

test('InlineCardLink works on a page per look, when nobody waits for an answer', () => {
  const { link, send } = openLink()
  const pages = [3, 4, 5].map((expert) => ({ region: 0, expert }))
  send(controlFrame(FRAME.map, { id: 1, pages }))
  assert.equal(link.waits.doze(), false)
  assert.equal(link.waits.limitMs, 0)
  assert.deepEqual([link.poll(), link.poll()], [undefined, undefined])
  assert.equal(readHeader(received(link).buffer.view).kind, FRAME.mapped)
  assert.equal(link.waits.doze(), true)
  assert.equal(link.waits.limitMs, undefined)
})

test('InlineCardLink rests between pages as long as dispatches come', () => {
  const { link, send, clock, dispatch } = openLink()
  send(
    controlFrame(FRAME.map, { id: 1, pages: [3, 4, 5].map((expert) => ({ region: 0, expert })) }),
  )
  // From now on everything takes a millisecond, a page too.
  clock.step = 1
  send(dispatch([defined(tokens[0], 'a token')]))
  assert.equal(readHeader(received(link).buffer.view).kind, FRAME.combine)
  let looks = 0
  for (let frame = link.poll(); frame === undefined; frame = link.poll()) {
    assert.ok(looks < 100)
    assert.ok((link.waits.limitMs ?? 0) <= 7)
    looks++
  }
  assert.ok(looks >= 6, `${looks} looks for three pages`)
})

test('InlineCardLink goes on after what a card refuses, and ends with a broken card', () => {
  const { link, send, dispatch } = openLink()
  send(dispatch([{ x: defined(tokens[0], 'a token').x, pairs: [{ expert: 7, weight: 1 }] }]))
  const failed = received(link)
  assert.equal(readHeader(failed.buffer.view).kind, FRAME.failed)
  assert.equal(readHeader(failed.buffer.view).step, 1)
  send(dispatch([defined(tokens[0], 'a token')]))
  assert.equal(readHeader(received(link).buffer.view).kind, FRAME.combine)
  link.close()
  assert.equal(send(dispatch(tokens)), false)
  assert.equal(link.poll(), 'gone')
})
