import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { defined } from '../../src/base/assert.js'
import { readControl, statusSchema } from '../../src/fabric/control.js'
import type { WireFormat } from '../../src/fabric/dispatch.js'
import { FRAME } from '../../src/fabric/frame.js'
import { NaiveExperts, normalizedError } from '../card/support.js'
import { drawTokens } from '../fleet/support.js'
import { survivorsAfterWait } from '../support/processes.js'
import { ALL, type DomainHead, openDomainHead, openServing } from './head.js'

const heads: DomainHead[] = []

function open(...options: Parameters<typeof openServing>): DomainHead {
  const head = openServing(...options)
  heads.push(head)
  return head
}

after(() => {
  for (const head of heads) head.close()
})

const SUMMED: WireFormat = { dispatch: 'f32', combine: 'f32', isSummed: true }
const APART: WireFormat = { ...SUMMED, isSummed: false }
const SHORT: WireFormat = { dispatch: 'q8_0', combine: 'bf16', isSummed: true }

function floats(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.slice().buffer)
}

function rowsOf(bytes: Uint8Array, width: number): Float32Array[] {
  const all = floats(bytes)
  return Array.from({ length: all.length / width }, (_, i) => all.slice(i * width, (i + 1) * width))
}

for (const type of ['f32', 'q4_0'] as const) {
  test(`a card in the process of the domain has the bits of one of its own: ${type}`, () => {
    const inline = open(['cpu'], { type })
    const apart = open(['cpu'], { type, isInline: false })
    assert.deepEqual(inline.cards.pids, [])
    assert.equal(apart.cards.pids.length, 1)
    for (const count of [1, 2, 7, 40, 1]) {
      for (const format of [SUMMED, APART, SHORT]) {
        const tokens = drawTokens(count, count)
        assert.deepEqual(inline.compute(tokens, format), apart.compute(tokens, format))
      }
    }
    inline.close()
    apart.close()
  })
}

test('cards of one domain share its pages, and compute what the slow twin does', () => {
  const two = open(['cpu', 'cpu'])
  const one = open(['cpu'])
  const naive = new NaiveExperts(two.load, two.record)
  for (const count of [1, 2, 7, 40]) {
    const tokens = drawTokens(count, count)
    const wanted = tokens.map((token) => naive.compute(token))
    const found = rowsOf(two.compute(tokens, SUMMED), two.record.nOut)
    assert.ok(normalizedError(found, wanted) <= 1e-10)
    assert.deepEqual(two.compute(tokens, APART), one.compute(tokens, APART))
  }
  assert.deepEqual(
    two.domain.status.cards.map(({ pages }) => pages),
    [4, 4],
  )
  two.close()
  one.close()
})

test('a domain measures its cards on their first pages and tells the head', () => {
  const head = open(['cpu', 'cpu'])
  head.serveUntil(() => head.domain.status.cards.every(({ points }) => points.length === 4))
  for (const { points } of head.domain.status.cards) {
    assert.deepEqual(
      points.map(({ tokens }) => tokens),
      [1, 4, 16, 64],
    )
    assert.ok(points.every(({ usPerPair }) => usPerPair > 0 && usPerPair < 1e5))
  }
  const told = head.take(FRAME.status).map(({ bytes }) => readControl(bytes, statusSchema))
  assert.ok(told.length > 0)
  head.close()
})

test('a domain goes on when one of its cards is killed, which comes back with its pages', () => {
  const head = open(['cpu', 'cpu'])
  const tokens = drawTokens(20)
  const wanted = head.compute(tokens, SUMMED)
  const [first = 0, second = 0] = head.cards.pids
  process.kill(first, 'SIGKILL')
  assert.deepEqual(head.compute(tokens, SUMMED), wanted)
  // Inside a step.
  const restarted = defined(head.cards.pids[0], 'a card')
  assert.notEqual(restarted, first)
  process.kill(second, 'SIGSTOP')
  head.ask(tokens, SUMMED)
  let looks = 0
  head.serveUntil(() => ++looks > 5)
  process.kill(second, 'SIGKILL')
  const [answer] = head.take(FRAME.combine)
  assert.deepEqual(defined(answer, 'an answer').bytes.slice(20), wanted)
  assert.equal(head.domain.status.pages, ALL.length)
  head.close()
})

test('a domain says why a card cannot start, and leaves no process behind', async () => {
  const code = (start: () => void): string | undefined => {
    try {
      start()
    } catch (error) {
      return (error as { code?: string }).code
    }
    return undefined
  }
  assert.equal(
    code(() => openDomainHead(['cuda7'])),
    'USAGE',
  )
  assert.equal(
    code(() => openDomainHead(['cpu', 'cuda7'])),
    'USAGE',
  )
  const head = open(['cpu', 'cpu'])
  const { pids } = head.cards
  head.close()
  assert.deepEqual(await survivorsAfterWait(pids), [])
})
