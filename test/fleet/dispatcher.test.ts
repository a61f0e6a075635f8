import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { controlFrame } from '../../src/fabric/control.js'
import { FRAME } from '../../src/fabric/frame.js'
import type { ReceivedFrame } from '../../src/fabric/link.js'
import { Dispatcher, type DispatcherOptions, type Outgoing } from '../../src/fleet/dispatcher.js'
import type { RouterChoice } from '../../src/fleet/partition.js'
import { NO_DOMAIN } from '../../src/pages/holder-table.js'
import { answerTo, callOf, expected, type IntegerCall } from './integer-fleet.js'

const DOMAINS = 4
const EXPERTS = 12
const LATE_MS = 100

/** A head with the holders of each expert in order of preference; tests change them. */
class Head {
  readonly holders: number[][]
  readonly hedged: number[] = []
  readonly failed: string[] = []
  orphansSinceMs: number | undefined
  readonly dispatcher: Dispatcher

  constructor(holders: number[][], options: Partial<DispatcherOptions> = {}) {
    this.holders = holders
    this.dispatcher = new Dispatcher({
      domains: DOMAINS,
      format: { dispatch: 'f32', combine: 'f32', isSummed: true },
      choose: ({ experts }, _, except) =>
        Uint16Array.from(
          experts,
          (expert) => this.holders[expert]?.find((id) => id !== except) ?? NO_DOMAIN,
        ),
      lateMs: () => LATE_MS,
      isSerial: () => false,
      isReplaceable: () => true,
      isExcused: () => false,
      onAnswer: () => {},
      onLate: (domain, isHedged) => {
        if (isHedged) this.hedged.push(domain)
      },
      onFailed: (domain, reason) => this.failed.push(`${domain}: ${reason}`),
      orphansSinceMs: () => this.orphansSinceMs,
      ...options,
    })
  }

  lose(domain: number, now: number): void {
    for (const ids of this.holders) ids.splice(0, ids.length, ...ids.filter((id) => id !== domain))
    this.dispatcher.lost(domain, now)
  }

  answerAll(call: IntegerCall, outgoing: readonly Outgoing[], now: number): void {
    for (const one of outgoing) {
      assert.ok(this.dispatcher.receive(one.domain, answerTo(call, one), now))
    }
  }
}

function finish({ dispatcher }: Head, call: IntegerCall): void {
  assert.ok(dispatcher.isDone)
  dispatcher.end()
  assert.deepEqual([...call.outputs], [...expected(call)])
}

function choiceOf(experts: readonly number[], nUsed: number): RouterChoice {
  return {
    tokens: experts.length / nUsed,
    nUsed,
    experts: Int32Array.from(experts),
    weights: Float32Array.from(experts, (_, pair) => 1 + (pair % 3)),
  }
}

const twoEach = (): number[][] =>
  Array.from({ length: EXPERTS }, (_, expert) => [expert % 3, 3 - (expert % 2)])

test('Dispatcher sums exactly whatever the order of answers, losses and lateness', () => {
  const holders = fc.array(fc.uniqueArray(fc.nat(DOMAINS - 1), { minLength: 2, maxLength: 3 }), {
    minLength: EXPERTS,
    maxLength: EXPERTS,
  })
  const choice = fc
    .record({ tokens: fc.integer({ min: 1, max: 8 }), nUsed: fc.integer({ min: 1, max: 4 }) })
    .chain(({ tokens, nUsed }) =>
      fc
        .array(fc.uniqueArray(fc.nat(EXPERTS - 1), { minLength: nUsed, maxLength: nUsed }), {
          minLength: tokens,
          maxLength: tokens,
        })
        .map((rows) => choiceOf(rows.flat(), nUsed)),
    )
  const acts = fc.array(fc.record({ kind: fc.nat(9), at: fc.nat(99) }), { maxLength: 12 })
  fc.assert(
    fc.property(holders, choice, acts, fc.boolean(), (held, chosen, list, isSummed) => {
      const head = new Head(
        held.map((ids) => [...ids]),
        {
          format: { dispatch: 'f32', combine: 'f32', isSummed },
        },
      )
      const call = callOf(chosen, EXPERTS)
      let now = 0
      let open: Outgoing[] = []
      let isLost = false
      head.dispatcher.begin(call, now)
      const collect = (): void => {
        open.push(...head.dispatcher.takeOutbox())
      }
      for (const { kind, at } of list) {
        collect()
        if (kind === 0 && !isLost) {
          isLost = true
          head.lose(at % DOMAINS, now)
          open = open.filter(({ domain }) => domain !== at % DOMAINS)
        } else if (kind < 4) {
          now += LATE_MS
          head.dispatcher.tick(now)
        } else {
          const [one] = open.splice(at % Math.max(1, open.length), 1)
          if (one !== undefined) head.answerAll(call, [one], now)
        }
      }
      collect()
      while (open.length > 0) {
        const [one] = open.splice(0, 1)
        if (one !== undefined) head.answerAll(call, [one], now)
        collect()
      }
      finish(head, call)
    }),
    { numRuns: 400 },
  )
})

test('Dispatcher asks replicas for what is late, and counts whichever answer is whole first', () => {
  for (const isOriginalFirst of [true, false]) {
    const head = new Head(twoEach())
    const call = callOf(choiceOf([0, 1, 2, 3, 6, 9], 3), EXPERTS)
    head.dispatcher.begin(call, 0)
    const first = head.dispatcher.takeOutbox()
    const slow = first.filter(({ domain }) => domain === 0)
    head.answerAll(
      call,
      first.filter(({ domain }) => domain !== 0),
      10,
    )
    head.dispatcher.tick(LATE_MS - 1)
    assert.deepEqual(head.dispatcher.takeOutbox(), [])
    head.dispatcher.tick(LATE_MS)
    const hedges = head.dispatcher.takeOutbox()
    assert.deepEqual(head.hedged, [0])
    assert.ok(hedges.length > 0 && hedges.every(({ domain }) => domain !== 0))
    const [early, rest] = isOriginalFirst ? [slow, hedges] : [hedges, slow]
    const late = rest.map((one) => ({ domain: one.domain, frame: answerTo(call, one) }))
    head.answerAll(call, early, 150)
    finish(head, call)
    // What comes too late is known for what it is, in this step and in later ones.
    const next = callOf(choiceOf([0, 1, 2], 3), EXPERTS)
    head.dispatcher.begin(next, 200)
    for (const { domain, frame } of late) assert.ok(head.dispatcher.receive(domain, frame, 210))
    head.answerAll(next, head.dispatcher.takeOutbox(), 220)
    finish(head, next)
  }
})

test('Dispatcher does not ask others when they cannot do all of it', () => {
  const head = new Head(twoEach())
  head.holders[6] = [0]
  const call = callOf(choiceOf([0, 3, 6], 3), EXPERTS)
  head.dispatcher.begin(call, 0)
  const asked = head.dispatcher.takeOutbox()
  head.dispatcher.tick(LATE_MS)
  assert.deepEqual(head.dispatcher.takeOutbox(), [])
  assert.deepEqual(head.hedged, [])
  head.answerAll(call, asked, 500)
  finish(head, call)
})

test('Dispatcher waits for pages that nobody holds, and not for ever', () => {
  const head = new Head(twoEach())
  const kept = head.holders[5]
  head.holders[5] = []
  const call = callOf(choiceOf([4, 5, 6], 3), EXPERTS)
  head.dispatcher.begin(call, 0)
  head.answerAll(call, head.dispatcher.takeOutbox(), 1)
  assert.ok(!head.dispatcher.isDone)
  head.dispatcher.placementChanged(100)
  assert.deepEqual(head.dispatcher.takeOutbox(), [])
  head.holders[5] = kept ?? []
  head.dispatcher.placementChanged(200)
  head.answerAll(call, head.dispatcher.takeOutbox(), 201)
  finish(head, call)

  head.holders[5] = []
  head.dispatcher.begin(callOf(call.choice, EXPERTS), 1000)
  head.dispatcher.takeOutbox()
  head.dispatcher.tick(1000 + 8000)
  assert.ok(head.dispatcher.isDone)
  assert.throws(() => head.dispatcher.end(), { code: 'PAGES_LOST', message: /1 of the experts/ })
  // Pages that were missing all that time are not waited for again.
  head.orphansSinceMs = 1000
  head.dispatcher.begin(callOf(call.choice, EXPERTS), 9500)
  head.dispatcher.tick(9500)
  assert.throws(() => head.dispatcher.end(), { code: 'PAGES_LOST' })
})

test('Dispatcher waits for pages as long as it is told to', () => {
  const head = new Head(twoEach(), { pagesMs: 20_000 })
  head.holders[5] = []
  head.dispatcher.begin(callOf(choiceOf([5], 1), EXPERTS), 0)
  assert.equal(head.dispatcher.nextTickMs(0), 20_000)
  head.dispatcher.tick(19_999)
  assert.ok(!head.dispatcher.isDone)
  head.dispatcher.tick(20_000)
  assert.throws(() => head.dispatcher.end(), { code: 'PAGES_LOST' })
})

test('Dispatcher asks a serial domain again only when it has answered', () => {
  const head = new Head(twoEach(), { isSerial: () => true, isReplaceable: () => false })
  const failing = callOf(choiceOf([0, 1, 2], 3), EXPERTS)
  head.dispatcher.begin(failing, 0)
  const [first, ...others] = head.dispatcher.takeOutbox()
  assert.ok(first)
  const failed = failedFrame('CARD_FULL')
  assert.ok(head.dispatcher.receive(first.domain, failed, 1))
  assert.ok(head.dispatcher.isDone)
  assert.throws(() => head.dispatcher.end(), { code: 'CARD_FULL' })
  const owed = others.map((one) => ({ domain: one.domain, frame: answerTo(failing, one) }))
  const call = callOf(choiceOf([0, 1, 2], 3), EXPERTS)
  head.dispatcher.begin(call, 2)
  const asked = head.dispatcher.takeOutbox()
  assert.deepEqual(
    asked.map(({ domain }) => domain),
    [first.domain],
  )
  for (const { domain, frame } of owed) assert.ok(head.dispatcher.receive(domain, frame, 3))
  head.answerAll(call, [...asked, ...head.dispatcher.takeOutbox()], 4)
  finish(head, call)
})

test('Dispatcher gives a domain up that reports an error, and asks others', () => {
  const head = new Head(twoEach())
  const call = callOf(choiceOf([0, 1, 2], 3), EXPERTS)
  head.dispatcher.begin(call, 0)
  const [first, ...others] = head.dispatcher.takeOutbox()
  assert.ok(first)
  assert.ok(head.dispatcher.receive(first.domain, failedFrame('NATIVE_FAILED'), 1))
  assert.deepEqual(head.failed, [`${first.domain}: card ${first.domain}: it failed`])
  head.answerAll(call, [...others, ...head.dispatcher.takeOutbox()], 2)
  finish(head, call)
})

test('Dispatcher asks a domain for the rest that has said which pages are gone', () => {
  const asked: string[] = []
  const head = new Head(twoEach(), {
    isExcused: (domain, pages) => {
      asked.push(`${domain}: ${pages.map(({ expert }) => expert)}`)
      head.holders[0] = [3]
      return true
    },
  })
  const call = callOf(choiceOf([0, 3, 6, 9], 4), EXPERTS)
  head.dispatcher.begin(call, 0)
  assert.deepEqual(
    head.dispatcher.takeOutbox().map(({ domain }) => domain),
    [0],
  )
  assert.ok(head.dispatcher.receive(0, failedFrame('PAGE_NOT_MAPPED'), 1))
  assert.deepEqual(asked, ['0: 0,3,6,9'])
  const again = head.dispatcher.takeOutbox()
  assert.deepEqual(
    again.map(({ domain }) => domain),
    [0, 3],
  )
  head.answerAll(call, again, 2)
  finish(head, call)
  assert.deepEqual(head.failed, [])
})

test('Dispatcher refuses answers that were not asked for or have another shape', () => {
  const head = new Head(twoEach())
  const call = callOf(choiceOf([0, 1, 2], 3), EXPERTS)
  head.dispatcher.begin(call, 0)
  const [first] = head.dispatcher.takeOutbox()
  assert.ok(first)
  const answer = answerTo(call, first)
  assert.equal(head.dispatcher.receive(3, answer, 1), false)
  assert.equal(
    head.dispatcher.receive(first.domain, { ...answer, bytes: answer.bytes - 4 }, 1),
    false,
  )
})

test('Dispatcher gives up a domain that owes an answer for too long', () => {
  const head = new Head(twoEach(), { answerMs: 1000 })
  const call = callOf(choiceOf([0, 1, 2], 3), EXPERTS)
  head.dispatcher.begin(call, 0)
  const asked = head.dispatcher.takeOutbox()
  head.answerAll(call, asked.slice(1), 1)
  head.dispatcher.tick(1000)
  assert.deepEqual(head.failed, [`${asked[0]?.domain}: it did not answer in time`])
})

function failedFrame(code: string): ReceivedFrame {
  const frame = controlFrame(FRAME.failed, { code, message: 'it failed', details: {} })
  return { buffer: frame, bytes: frame.bytes.length }
}
