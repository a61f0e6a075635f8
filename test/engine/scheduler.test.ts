import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Scheduler, type SchedulerOptions, type SlotMemory } from '../../src/engine/scheduler.js'
import type { Sequence } from '../../src/engine/sequence.js'

/** The KV cache as lists of tokens: what a real one must hold at any time. */
class ListMemory implements SlotMemory {
  readonly slots: number[][]
  copies = 0
  failsTrim = false

  constructor(count: number) {
    this.slots = Array.from({ length: count }, () => [])
  }

  trim(slot: number, length: number): boolean {
    if (this.failsTrim) return false
    assert.ok((this.slots[slot]?.length ?? -1) >= length)
    this.slots[slot] = (this.slots[slot] ?? []).slice(0, length)
    return true
  }

  copy(source: number, target: number, length: number): boolean {
    this.copies++
    this.slots[target] = (this.slots[source] ?? []).slice(0, length)
    return true
  }

  clear(slot: number): void {
    this.slots[slot] = []
  }
}

function create(options: Partial<SchedulerOptions> = {}) {
  const parallel = options.parallel ?? 2
  const memory = new ListMemory(parallel)
  const scheduler = new Scheduler({
    parallel,
    batch: 8,
    contextLength: 64,
    waitingMax: 4,
    outputsMax: 8,
    canTrim: true,
    memory,
    ...options,
  })
  return { scheduler, memory }
}

/** The next token as a function of all tokens before it, like a greedy model. */
function nextToken(tokens: readonly number[]): number {
  return tokens.reduce((hash, token) => (hash * 31 + token + 1) % 97, 7)
}

type Harness = ReturnType<typeof create>

/** One step; checks that the memory holds exactly what was computed before. */
function step({ scheduler, memory }: Harness): Sequence[] {
  const { items } = scheduler.schedule()
  const total = items.reduce((sum, item) => sum + item.count, 0)
  assert.ok(total <= 8, `${total} tokens in a step`)
  const finished: Sequence[] = []
  for (const item of items) {
    const { sequence, start, count } = item
    const slot = memory.slots[sequence.slot] ?? []
    assert.deepEqual(slot, sequence.tokens.slice(0, start))
    slot.push(...sequence.tokens.slice(start, start + count))
    scheduler.commit(item)
    if (sequence.isPrefill) continue
    if (scheduler.append(sequence, nextToken(sequence.tokens))) finished.push(sequence)
  }
  for (const sequence of finished) scheduler.finish(sequence)
  return finished
}

function drain(harness: Harness): Sequence[] {
  const finished: Sequence[] = []
  while (harness.scheduler.hasWork) finished.push(...step(harness))
  return finished
}

const request = (id: number, prompt: readonly number[], maxTokens = 4) => ({
  id,
  prompt,
  maxTokens,
  wantsPromptLogits: false,
})

const count = (length: number, from = 0) => Array.from({ length }, (_, i) => from + i)

test('Scheduler computes running sequences before new prompts and cuts prompts to the batch', () => {
  const harness = create()
  const { scheduler } = harness
  scheduler.add(request(1, [1, 2, 3]))
  step(harness)
  scheduler.add(request(2, count(20, 50)))
  const { items } = scheduler.schedule()
  const sizes = items.map(({ sequence, count: tokens, outputs }) => [sequence.id, tokens, outputs])
  assert.deepEqual(sizes, [
    [1, 1, 'last'],
    [2, 7, 'none'],
  ])
})

test('Scheduler admits in order of arrival and bounds the queue', () => {
  const { scheduler } = create({ parallel: 1, waitingMax: 2 })
  scheduler.add(request(1, [1]))
  scheduler.add(request(2, [2]))
  assert.throws(() => scheduler.add(request(3, [3])), { code: 'QUEUE_FULL' })
  const ids = scheduler.schedule().admitted.map((sequence) => sequence.id)
  assert.deepEqual(ids, [1])
  assert.equal(scheduler.waitingCount, 1)
})

test('Scheduler refuses a prompt that leaves no room for an answer', () => {
  const { scheduler } = create()
  assert.throws(() => scheduler.add(request(1, count(64))), { code: 'CONTEXT_TOO_LONG' })
  scheduler.add(request(2, count(64), 0))
  scheduler.add(request(3, count(63), 5))
})

test('Scheduler ends a sequence at the end of the context', () => {
  const harness = create()
  harness.scheduler.add(request(1, count(60), 100))
  const [sequence] = drain(harness)
  assert.equal(sequence?.tokens.length, 64)
})

test('Scheduler reuses the longest common beginning and computes at least one token', () => {
  const harness = create({ parallel: 1 })
  harness.scheduler.add(request(1, [1, 2, 3, 4, 5]))
  drain(harness)
  const again = harness.scheduler.add(request(2, [1, 2, 3, 4, 5]))
  harness.scheduler.schedule()
  assert.equal(again.cachedTokens, 4)
  harness.scheduler.finish(again)
  const other = harness.scheduler.add(request(3, [1, 2, 9, 9]))
  harness.scheduler.schedule()
  assert.equal(other.cachedTokens, 2)
})

test('Scheduler copies a long beginning out of a slot that is busy', () => {
  const harness = create({ contextLength: 512 })
  const shared = count(100)
  harness.scheduler.add(request(1, [...shared, 7], 400))
  for (let i = 0; i < 20; i++) step(harness)
  const second = harness.scheduler.add(request(2, [...shared, 8]))
  step(harness)
  assert.equal(second.cachedTokens, 100)
  assert.equal(harness.memory.copies, 1)
})

test('Scheduler starts anew when the end of a slot cannot be forgotten', () => {
  const harness = create({ parallel: 1, canTrim: false })
  harness.scheduler.add(request(1, [1, 2, 3], 3))
  const [first] = drain(harness)
  const continued = [...(first?.tokens ?? []), 5]
  const second = harness.scheduler.add(request(2, continued, 1))
  drain(harness)
  assert.equal(second.cachedTokens, 5)
  const third = harness.scheduler.add(request(3, [1, 2, 9], 1))
  drain(harness)
  assert.equal(third.cachedTokens, 0)
})

test('Scheduler clears a slot whose memory refuses to be cut', () => {
  const harness = create({ parallel: 1 })
  harness.scheduler.add(request(1, [1, 2, 3]))
  drain(harness)
  harness.memory.failsTrim = true
  const second = harness.scheduler.add(request(2, [1, 2, 9]))
  drain(harness)
  assert.equal(second.cachedTokens, 0)
})

test('Scheduler gives a cancelled sequence no further step and frees its slot', () => {
  const harness = create({ parallel: 1 })
  const first = harness.scheduler.add(request(1, [1, 2, 3], 100))
  step(harness)
  const waiting = harness.scheduler.add(request(2, [4]))
  const third = harness.scheduler.add(request(3, [5]))
  harness.scheduler.finish(waiting)
  harness.scheduler.finish(first)
  const { items } = harness.scheduler.schedule()
  assert.deepEqual(
    items.map((item) => item.sequence),
    [third],
  )
})

test('Scheduler computes logits of whole prompts within the limit of outputs', () => {
  const { scheduler } = create({ outputsMax: 3 })
  scheduler.add({ id: 1, prompt: count(7), maxTokens: 0, wantsPromptLogits: true })
  const sizes: number[] = []
  while (sizes.reduce((sum, size) => sum + size, 0) < 7) {
    for (const item of scheduler.schedule().items) {
      assert.equal(item.outputs, 'all')
      sizes.push(item.count)
      scheduler.commit(item)
    }
  }
  assert.deepEqual(sizes, [3, 3, 1])
})

test('Scheduler answers every request as if it were alone, whatever happens around it', () => {
  const prompt = fc
    .tuple(fc.constantFrom(0, 3, 9, 30), fc.array(fc.nat(2), { minLength: 1, maxLength: 12 }))
    .map(([shared, rest]) => [...count(shared, 40), ...rest])
  const arrival = fc.record({ prompt, maxTokens: fc.integer({ min: 1, max: 9 }), gap: fc.nat(6) })
  const scenario = fc.record({
    arrivals: fc.array(arrival, { minLength: 1, maxLength: 12 }),
    parallel: fc.integer({ min: 1, max: 4 }),
    canTrim: fc.boolean(),
    cancelled: fc.array(fc.nat(11), { maxLength: 3 }),
  })
  fc.assert(
    fc.property(scenario, ({ arrivals, parallel, canTrim, cancelled }) => {
      const harness = create({ parallel, canTrim, waitingMax: 12 })
      const added: Sequence[] = []
      const finished: Sequence[] = []
      for (const [id, { prompt: tokens, maxTokens, gap }] of arrivals.entries()) {
        added.push(harness.scheduler.add(request(id, tokens, maxTokens)))
        for (let i = 0; i < gap; i++) finished.push(...step(harness))
        const victim = added[cancelled.indexOf(id)]
        if (victim === undefined || finished.includes(victim)) continue
        harness.scheduler.finish(victim)
        finished.push(victim)
        added.splice(added.indexOf(victim), 1, victim)
      }
      drain(harness)
      for (const sequence of added) {
        const expected = sequence.tokens.slice(0, sequence.promptLength)
        while (expected.length < sequence.tokens.length) expected.push(nextToken(expected))
        assert.deepEqual(sequence.tokens, expected)
      }
      assert.equal(harness.scheduler.runningCount, 0)
    }),
    { numRuns: 300 },
  )
})
