import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TextStream } from '../../src/engine/text-stream.js'

/** The answer by definition: the shortest beginning that contains a stop string, cut before it. */
function cutWhole(text: string, stops: readonly string[]): { text: string; isStopped: boolean } {
  for (let end = 1; end <= text.length; end++) {
    const ending = stops.filter((stop) => text.slice(0, end).endsWith(stop))
    if (ending.length === 0) continue
    const longest = Math.max(...ending.map((stop) => stop.length))
    return { text: text.slice(0, end - longest), isStopped: true }
  }
  return { text, isStopped: false }
}

function stream(pieces: readonly Uint8Array[], stops: readonly string[]) {
  const streamed = new TextStream(stops)
  const shown: string[] = []
  for (const piece of pieces) {
    const { text, isStopped } = streamed.push(piece)
    shown.push(text)
    if (isStopped) return { text: shown.join(''), isStopped: true, shown }
  }
  const { text, isStopped } = streamed.flush()
  shown.push(text)
  return { text: shown.join(''), isStopped, shown }
}

function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const sorted = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort(
    (a, b) => a - b,
  )
  const edges = [0, ...sorted, bytes.length]
  return edges.slice(1).map((end, i) => bytes.subarray(edges[i] ?? 0, end))
}

const letters = fc.constantFrom('a', 'b', 'c', 'ä', '€', '😀')
const texts = fc.array(letters, { maxLength: 24 }).map((parts) => parts.join(''))
const stopTexts = fc.array(letters, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(''))

test('TextStream gives the same answer however the bytes are cut', () => {
  fc.assert(
    fc.property(
      texts,
      fc.array(stopTexts, { maxLength: 3 }),
      fc.array(fc.nat(), { maxLength: 12 }),
      (text, stops, places) => {
        const pieces = cut(new TextEncoder().encode(text), places)
        const { text: streamed, isStopped } = stream(pieces, stops)
        assert.deepEqual({ text: streamed, isStopped }, cutWhole(text, stops))
      },
    ),
    { numRuns: 2000 },
  )
})

test('TextStream never shows part of a character', () => {
  const bytes = new TextEncoder().encode('a😀b')
  const { shown } = stream(
    [...bytes].map((byte) => Uint8Array.of(byte)),
    [],
  )
  assert.deepEqual(
    shown.filter((text) => text !== ''),
    ['a', '😀', 'b'],
  )
})

test('TextStream holds back only what may become a stop string', () => {
  const streamed = new TextStream(['###'])
  const push = (text: string) => streamed.push(new TextEncoder().encode(text)).text
  assert.equal(push('one #'), 'one ')
  assert.equal(push('#'), '')
  assert.equal(push(' two'), '## two')
  assert.deepEqual(streamed.flush(), { text: '', isStopped: false })
})

test('TextStream flushes an unfinished character as U+FFFD', () => {
  const streamed = new TextStream([])
  assert.equal(streamed.push(Uint8Array.of(0xf0, 0x9f)).text, '')
  assert.equal(streamed.flush().text, '\uFFFD')
})
