import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { defined } from '../../../src/base/assert.js'
import { type AskPeer, PeerSource } from '../../../src/pages/sources/peer.js'
import { loosePages, never } from '../support.js'

const { page, bytes } = defined(loosePages(1, 10_000)[0], 'a page')
const answer: AskPeer = async (_, { offset, length }) => {
  await turn()
  return bytes.subarray(offset, offset + length)
}

test('PeerSource asks for a page in pieces, a few at a time', async () => {
  const asked: number[] = []
  let running = 0
  let runningMax = 0
  const ask: AskPeer = async (of, range) => {
    asked.push(range.offset)
    runningMax = Math.max(runningMax, ++running)
    const part = await answer(of, range)
    running--
    return part
  }
  const source = new PeerSource({ name: 'node', ask, pieceBytes: 999, piecesAtOnce: 3 })
  assert.deepEqual(await source.read(page, never), bytes)
  assert.equal(asked.length, 11)
  assert.equal(new Set(asked).size, 11)
  assert.equal(runningMax, 3)
})

test('PeerSource offers what the peer says it holds', () => {
  const source = new PeerSource({ name: 'node', ask: answer, holds: (of) => of.expert === 1 })
  assert.equal(source.has(page), false)
  assert.equal(source.has({ ...page, expert: 1 }), true)
})

test('PeerSource fails when an answer is short, long, refused or never comes', async () => {
  const asks: [AskPeer, RegExp][] = [
    [async (_, { length }) => new Uint8Array(length - 1), /node: it answered 998 bytes where 999/],
    [async () => new Uint8Array(20_000), /node: it answered 20000 bytes/],
    [() => Promise.reject(new Error('not mapped here')), /node: not mapped here/],
    [() => new Promise(() => {}), /node: .*timeout/],
  ]
  // Keeps this process alive while only a deadline is left to wait for.
  const alive = setInterval(() => {}, 1000)
  for (const [ask, message] of asks) {
    const source = new PeerSource({ name: 'node', ask, pieceBytes: 999, deadlineMs: 50 })
    await assert.rejects(source.read(page, never), { code: 'SOURCE_FAILED', message })
  }
  clearInterval(alive)
})

test('PeerSource stops when told and asks for no more', async () => {
  const stop = new AbortController()
  const reason = new Error('enough')
  let asked = 0
  const ask: AskPeer = (_, { signal }) => {
    asked++
    queueMicrotask(() => stop.abort(reason))
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(reason)))
  }
  const source = new PeerSource({ name: 'node', ask, pieceBytes: 100, piecesAtOnce: 2 })
  await assert.rejects(source.read(page, stop.signal), reason)
  assert.equal(asked, 2)
})
