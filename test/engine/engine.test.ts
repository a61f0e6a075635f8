import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ARCHITECTURES, testModel } from '../support/models.js'
import { assertSameAnswer, openEngine, plainGreedy, promptOf } from './support.js'

const COUNT = 16

for (const architecture of ARCHITECTURES) {
  test(`Engine answers as plain libllama does: ${architecture}`, () => {
    const path = testModel(architecture)
    const prompts = [promptOf(5, 1), promptOf(23, 2), promptOf(11, 3)]
    const references = prompts.map((prompt) => plainGreedy(path, { prompt, count: COUNT }))
    const { submit, step, drain, ask, answers, close } = openEngine(path)
    const alone = prompts.map((prompt) => ask(prompt, { maxTokens: COUNT }).tokens)
    const expected = references.map((reference) => reference.tokens)
    assert.deepEqual(alone, expected)
    // The same again as a batch, staggered; and then with what the slots hold.
    for (let round = 0; round < 2; round++) {
      const ids = prompts.map((prompt) => {
        const id = submit(prompt, { maxTokens: COUNT })
        for (let i = 0; i < 3; i++) step()
        return id
      })
      drain()
      for (const [i, reference] of references.entries()) {
        assertSameAnswer(answers.get(ids[i] ?? 0)?.tokens ?? [], reference)
      }
    }
    close()
  })
}

test('Engine computes a prompt in chunks with the same result', () => {
  const path = testModel('qwen3moe')
  const prompt = promptOf(100, 4)
  const { tokens } = plainGreedy(path, { prompt, count: COUNT })
  for (const batch of [7, 64, 256]) {
    const { ask, events, close } = openEngine(path, { batch })
    assert.deepEqual(ask(prompt, { maxTokens: COUNT }).tokens, tokens, `chunks of ${batch}`)
    const progress = events.filter((event) => event.kind === 'prefill')
    assert.equal(progress.length, Math.ceil(100 / batch) - 1)
    close()
  }
})

for (const architecture of ['qwen3moe', 'gpt-oss', 'kimi-linear', 'qwen3next', 'deepseek2']) {
  test(`Engine reuses a shared beginning with the same result: ${architecture}`, () => {
    const path = testModel(architecture)
    const shared = promptOf(90, 5)
    const prompts = [shared, [...shared, 3], [...shared, 9, 8], shared.slice(0, 80)]
    const expected = prompts.map((prompt) => plainGreedy(path, { prompt, count: COUNT }).tokens)
    const { ask, submit, step, drain, answers, close } = openEngine(path)
    const first = ask(shared, { maxTokens: COUNT })
    assert.equal(first.cachedTokens, 0)
    const follow = prompts.map((prompt) => ask(prompt, { maxTokens: COUNT }))
    assert.deepEqual(
      follow.map((answer) => answer.tokens),
      expected,
    )
    // A conversation goes on where it ended, also when its state cannot be cut.
    const turn = [...shared, ...first.tokens, 4]
    const next = ask(turn, { maxTokens: COUNT })
    assert.ok(next.cachedTokens > 0, 'nothing was reused')
    // Recurrent layers add in another order when they go on than when they begin anew.
    assertSameAnswer(next.tokens, plainGreedy(path, { prompt: turn, count: COUNT }), {
      gapMax: 1e-2,
    })
    // A second sequence copies from one that is still running.
    const busy = submit(shared, { maxTokens: 60 })
    for (let i = 0; i < 4; i++) step()
    const copied = submit([...shared, 9, 8], { maxTokens: COUNT })
    drain()
    assert.deepEqual(answers.get(copied)?.tokens, expected[2])
    assert.deepEqual(answers.get(busy)?.tokens.slice(0, COUNT), expected[0])
    close()
  })
}

test('Engine answers from a split file as from a single one', () => {
  const prompt = promptOf(20, 6)
  const whole = openEngine(testModel('olmoe'))
  const { tokens } = whole.ask(prompt)
  whole.close()
  const split = openEngine(testModel('olmoe', { splits: 3 }))
  assert.deepEqual(split.ask(prompt).tokens, tokens)
  split.close()
})

test('Engine frees the slot of a cancelled request before the next step', () => {
  const { engine, submit, step, drain, answers, close } = openEngine(testModel('olmoe'), {
    parallel: 1,
  })
  const first = submit(promptOf(5), { maxTokens: 200 })
  for (let i = 0; i < 4; i++) step()
  const second = submit(promptOf(6), { maxTokens: 3 })
  assert.equal(engine.stats().waiting, 1)
  engine.cancel(first)
  const before = answers.get(first)?.tokens.length
  step()
  assert.equal(answers.get(second)?.tokens.length, 1)
  drain()
  assert.equal(answers.get(first)?.tokens.length, before)
  assert.equal(answers.get(first)?.reason, undefined)
  assert.equal(answers.get(second)?.reason, 'length')
  assert.equal(engine.stats().running, 0)
  close()
})

test('Engine ends at the end of the context and refuses longer prompts', () => {
  const { ask, submit, close } = openEngine(testModel('olmoe'))
  const answer = ask(promptOf(250), { maxTokens: 100 })
  assert.equal(answer.tokens.length, 6)
  assert.equal(answer.reason, 'length')
  assert.throws(() => submit(promptOf(256)), { code: 'CONTEXT_TOO_LONG' })
  assert.throws(() => submit([128]), { code: 'BAD_PARAM' })
  assert.throws(() => submit([]), { code: 'BAD_PARAM' })
  assert.throws(() => submit({ text: 'a', addSpecial: true, parseSpecial: true }), {
    code: 'BAD_PARAM',
  })
  close()
})

test('Engine writes tokens of a model without tokenizer as numbers', () => {
  const { ask, engine, close } = openEngine(testModel('olmoe'))
  const answer = ask(promptOf(5), { maxTokens: 3 })
  assert.equal(answer.text, answer.tokens.map((token) => `[${token}]`).join(''))
  assert.equal(engine.detokenize([1, 2]), '[1][2]')
  close()
})

for (const kvType of ['f32', 'bf16', 'q8_0', 'q4_0']) {
  test(`Engine runs with a KV cache of ${kvType}`, () => {
    const { ask, close } = openEngine(testModel('qwen3moe'), { kvType })
    assert.equal(ask(promptOf(20), { maxTokens: 8 }).tokens.length, 8)
    close()
  })
}

test('Runtime refuses KV types that do not exist or need fused attention', () => {
  const path = testModel('qwen3moe')
  assert.throws(() => openEngine(path, { kvType: 'q9' }), /f32, f16, bf16, q8_0/)
  assert.throws(() => openEngine(path, { kvType: 'q8_0', flashAttention: 'off' }), {
    code: 'USAGE',
  })
})

test('Runtime refuses more slots than a step has room for', () => {
  const path = testModel('qwen3moe')
  for (const overrides of [
    { parallel: 0 },
    { parallel: 257, batch: 512 },
    { parallel: 4, batch: 3 },
  ]) {
    assert.throws(() => openEngine(path, overrides), { code: 'USAGE' })
  }
})

test('Runtime refuses a KV cache that cannot fit, with numbers', () => {
  const path = testModel('qwen3moe')
  const contextLength = 2 ** 30
  assert.throws(() => openEngine(path, { contextLength }), {
    code: 'OUT_OF_MEMORY',
    message: /needs \d+ MiB, but \d+ MiB are free/,
  })
})
