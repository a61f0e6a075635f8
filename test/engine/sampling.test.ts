import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { SamplingParams } from '../../src/engine/protocol.js'
import { argmax, openEngine, plainGreedy, promptOf, textModel } from './support.js'

const path = textModel()
const { engine, runtime, ask, submit, step, drain, answers, close } = openEngine(path)
after(close)

const text = (content: string) => ({ text: content, addSpecial: true, parseSpecial: false })
const SAMPLED: Partial<SamplingParams> = { temperature: 1, seed: 42, maxTokens: 24 }

test('TokenSampler repeats a seed alone and beside other sequences', () => {
  const first = ask(text('Once upon'), SAMPLED)
  const busy = submit(text('Another'), { maxTokens: 40, temperature: 1, seed: 1 })
  step()
  const again = submit(text('Once upon'), SAMPLED)
  drain()
  assert.deepEqual(answers.get(again)?.tokens, first.tokens)
  assert.ok((answers.get(busy)?.tokens.length ?? 0) > 0)
  assert.notDeepEqual(ask(text('Once upon'), { ...SAMPLED, seed: 43 }).tokens, first.tokens)
})

test('TokenSampler accepts seeds of any size', () => {
  for (const seed of [-1, 0, 2 ** 32 - 1, Number.MAX_SAFE_INTEGER]) {
    const params = { ...SAMPLED, seed, maxTokens: 4 }
    assert.deepEqual(ask(text('a'), params).tokens, ask(text('a'), params).tokens)
  }
})

test('TokenSampler with top-k 1, a tiny top-p or min-p 1 is greedy', () => {
  const greedy = ask(text('The sea'), { maxTokens: 12 }).tokens
  for (const only of [{ topK: 1 }, { topP: 0 }, { minP: 1 }]) {
    assert.deepEqual(ask(text('The sea'), { ...SAMPLED, maxTokens: 12, ...only }).tokens, greedy)
  }
})

test('TokenSampler adds logit bias', () => {
  const greedy = ask(text('The sea'), { maxTokens: 4 }).tokens
  const banned = greedy[0] ?? 0
  const without = ask(text('The sea'), { maxTokens: 4, logitBias: [[banned, -100]] }).tokens
  assert.ok(!without.includes(banned))
  const forced = ask(text('The sea'), { maxTokens: 4, logitBias: [[77, 100]] }).tokens
  assert.deepEqual(forced, [77, 77, 77, 77])
  assert.throws(() => submit(text('a'), { logitBias: [[runtime.vocab.size, 1]] }), {
    code: 'BAD_PARAM',
  })
})

test('TokenSampler counts the tokens of the prompt that its penalties look back on', () => {
  const token = 77
  const prompt = [token, ...promptOf(9).filter((other) => other !== token)]
  const row = plainGreedy(path, { prompt, count: 1 }).logits[0] ?? new Float32Array(0)
  // Ahead of all others by one, so that a penalty of two puts it behind.
  const lead = (row[argmax(row)] ?? 0) - (row[token] ?? 0) + 1
  const chosen = (params: Partial<SamplingParams>): boolean =>
    ask(prompt, { maxTokens: 1, logitBias: [[token, lead]], ...params }).tokens[0] === token
  assert.equal(chosen({}), true)
  assert.equal(chosen({ presencePenalty: 2 }), false)
  assert.equal(chosen({ frequencyPenalty: 2 }), false)
  assert.equal(chosen({ presencePenalty: 2, penaltyLastN: prompt.length - 1 }), true)
  assert.equal(chosen({ presencePenalty: 2, penaltyLastN: prompt.length }), false)
  assert.equal(chosen({ presencePenalty: 2, penaltyLastN: 0 }), true)
})

test('TokenSampler with a strong repetition penalty repeats no token', () => {
  const { tokens } = ask(text('One'), { maxTokens: 24, repetitionPenalty: 10, presencePenalty: 2 })
  assert.equal(new Set(tokens).size, tokens.length)
})

test('TokenSampler forbids end-of-text tokens before minTokens and with ignoreEos', () => {
  const eog = runtime.vocab.eogTokens[0] ?? -1
  const wanted: Partial<SamplingParams> = { maxTokens: 8, logitBias: [[eog, 100]] }
  const ended = ask(text('End'), wanted)
  assert.deepEqual([ended.tokens.length, ended.reason], [0, 'stop'])
  assert.equal(ended.usage?.completionTokens, 1)
  const later = ask(text('End'), { ...wanted, minTokens: 3 })
  assert.deepEqual([later.tokens.length, later.reason], [3, 'stop'])
  const never = ask(text('End'), { ...wanted, ignoreEos: true })
  assert.deepEqual([never.tokens.length, never.reason], [8, 'length'])
})

test('Engine stops at stop strings and stop tokens without showing them', () => {
  const free = ask(text('Tell me'), { maxTokens: 20 })
  const stop = free.text.slice(9, 12)
  const cut = ask(text('Tell me'), { maxTokens: 20, stop: ['never there', stop] })
  assert.equal(cut.text, free.text.slice(0, free.text.indexOf(stop)))
  assert.equal(cut.reason, 'stop')
  const stopToken = free.tokens[5] ?? 0
  const byToken = ask(text('Tell me'), { maxTokens: 20, stopTokenIds: [stopToken] })
  assert.deepEqual(byToken.tokens, free.tokens.slice(0, free.tokens.indexOf(stopToken)))
  assert.equal(byToken.reason, 'stop')
})

test('Engine shows at the end what it held back for a stop string', () => {
  const free = ask(text('Tell me'), { maxTokens: 6 })
  const held = ask(text('Tell me'), { maxTokens: 6, stop: [`${free.text.slice(-2)} and more`] })
  assert.equal(held.text, free.text)
})

test('Engine reports log-probabilities of the raw distribution', () => {
  const prompt = promptOf(12, 3)
  const { tokens, logits } = plainGreedy(path, { prompt, count: 4 })
  const answer = ask(prompt, { maxTokens: 4, logprobs: 3, repetitionPenalty: 1.0001 })
  assert.equal(answer.choices.length, 4)
  for (const [i, choice] of answer.choices.entries()) {
    const row = logits[i] ?? new Float32Array(0)
    const sum = row.reduce((total, logit) => total + Math.exp(logit - (row[argmax(row)] ?? 0)), 0)
    const expected = (row[tokens[i] ?? 0] ?? 0) - (row[argmax(row)] ?? 0) - Math.log(sum)
    assert.equal(choice.token, tokens[i])
    assert.ok(Math.abs(choice.logprob - expected) < 1e-3)
    assert.equal(choice.top[0]?.token, argmax(row))
    assert.ok((choice.top[0]?.logprob ?? 0) >= (choice.top[1]?.logprob ?? 0))
    assert.deepEqual(choice.bytes, [...runtime.vocab.pieceWithSpecial(choice.token)])
  }
})

test('Engine reports log-probabilities of the prompt, in chunks and despite the cache', () => {
  const prompt = promptOf(150, 8)
  ask(prompt, { maxTokens: 1 })
  const answer = ask(prompt, { maxTokens: 0, promptLogprobs: 2 })
  assert.equal(answer.reason, 'length')
  assert.equal(answer.tokens.length, 0)
  assert.equal(answer.cachedTokens, 0)
  assert.equal(answer.promptChoices.length, 149)
  assert.equal(answer.promptTexts.length, 150)
  const whole = openEngine(path, { batch: 256 })
  const inOne = whole.ask(prompt, { maxTokens: 1, promptLogprobs: 2 })
  whole.close()
  for (const [i, choice] of answer.promptChoices.entries()) {
    assert.equal(choice.token, prompt[i + 1])
    assert.ok(Math.abs(choice.logprob - (inOne.promptChoices[i]?.logprob ?? 0)) < 1e-3)
  }
  const { logits } = plainGreedy(path, { prompt: prompt.slice(0, 40), count: 1 })
  const row = logits[0] ?? new Float32Array(0)
  assert.equal(answer.promptChoices[39]?.top[0]?.token, argmax(row))
})

test('Engine writes the text of its tokens', () => {
  const answer = ask(text('Some words'), { maxTokens: 30 })
  const bytes = answer.tokens.flatMap((token) => [...runtime.vocab.piece(token)])
  assert.equal(answer.text, new TextDecoder().decode(Uint8Array.from(bytes)))
  const tokens = engine.tokenize('Grüße, 😀!', { addSpecial: false, parseSpecial: false })
  assert.equal(engine.detokenize(tokens), 'Grüße, 😀!')
})

test('Engine reads control tokens in a text only when it is told to', () => {
  const eos = runtime.vocab.eos
  const written = runtime.vocab.textOf(eos)
  const parsed = engine.tokenize(written, { addSpecial: false, parseSpecial: true })
  assert.deepEqual(parsed, [eos])
  const plain = engine.tokenize(written, { addSpecial: false, parseSpecial: false })
  assert.ok(!plain.includes(eos))
  assert.deepEqual(engine.tokenize('', { addSpecial: false, parseSpecial: false }), [])
})
