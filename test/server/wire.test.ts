/**
 * The answers of the generating endpoints, byte for byte where clients depend on it.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Body, call, chat, chunksOf, type Harness, startHarness } from './harness.js'

const THINKING =
  "{% for m in messages %}{{ m.role + '\\n' + m.content + '\\n' }}{% endfor %}<think>\n"

let plain: Harness
let thinking: Harness

before(async () => {
  plain = await startHarness()
  thinking = await startHarness({ template: THINKING })
})
after(async () => {
  await plain[Symbol.asyncDispose]()
  await thinking[Symbol.asyncDispose]()
})

const CHAT = '/v1/chat/completions'
const COMPLETIONS = '/v1/completions'

/** The stream with what differs from run to run made equal. */
function normalise(text: string): string {
  return text
    .replace(/"id":"(\w+)-[0-9a-f]+"/g, '"id":"$1-ID"')
    .replace(/"created":\d+/g, '"created":0')
}

async function streamOf(harness: Harness, path: string, body: object): Promise<readonly Body[]> {
  const answer = await call(harness.url, path, { body: { ...body, stream: true } })
  assert.equal(answer.status, 200, answer.text)
  return chunksOf(answer.text)
}

function textOf(chunks: readonly Body[], index = 0): string {
  const choices = chunks.flatMap((chunk) => chunk.choices.filter((one) => one.index === index))
  return choices.map((one) => one.delta.content ?? '').join('')
}

function reasonsOf(chunks: readonly Body[], index = 0): ReadonlyArray<string | null> {
  const choices = chunks.flatMap((chunk) => chunk.choices.filter((one) => one.index === index))
  return choices.map((one) => one.finish_reason)
}

test('chat stream is the golden example', async () => {
  const answer = await call(plain.url, CHAT, { body: chat('echo a b', { stream: true }) })
  const head =
    'data: {"id":"chatcmpl-ID","object":"chat.completion.chunk","created":0,"model":"fake","system_fingerprint":"fp_fa4e"'
  const delta = (json: string, reason: string): string =>
    `${head},"choices":[{"index":0,"delta":${json},"finish_reason":${reason}}]}\n\n`
  assert.equal(
    normalise(answer.text),
    delta('{"role":"assistant","content":" a"}', 'null') +
      delta('{"content":" b"}', 'null') +
      delta('{}', '"stop"') +
      'data: [DONE]\n\n',
  )
})

test('chat stream has the headers that keep proxies from buffering', async () => {
  const answer = await call(plain.url, CHAT, {
    body: chat('echo a', { stream: true }),
    headers: { 'x-request-id': 'abc-1' },
  })
  assert.equal(answer.headers['content-type'], 'text/event-stream; charset=utf-8')
  assert.equal(answer.headers['cache-control'], 'no-cache, no-transform')
  assert.equal(answer.headers['x-accel-buffering'], 'no')
  assert.equal(answer.headers['x-request-id'], 'abc-1')
})

test('chat stream ends with usage only when asked', async () => {
  const chunks = await streamOf(
    plain,
    CHAT,
    chat('echo a b', { stream_options: { include_usage: true } }),
  )
  const last = chunks.at(-1)
  assert.deepEqual(last?.choices, [])
  assert.equal(last?.usage?.completion_tokens, 2)
  assert.equal(last?.usage?.prompt_tokens_details.cached_tokens, 1)
  for (const chunk of chunks.slice(0, -1)) assert.equal(chunk.usage, null)
  const without = await streamOf(plain, CHAT, chat('echo a b'))
  for (const chunk of without) {
    assert.equal(chunk.usage, undefined)
    assert.equal(chunk.choices.length, 1)
  }
})

test('chat stream gives reasoning before content and a role once', async () => {
  const text = 'say <think>\\nwhy not\\n</think>\\n\\nbecause'
  const chunks = await streamOf(plain, CHAT, chat(text))
  const deltas = chunks.flatMap((chunk) => chunk.choices.map((one) => one.delta))
  assert.equal(deltas.map((delta) => delta.reasoning_content ?? '').join(''), 'why not')
  assert.equal(textOf(chunks), 'because')
  assert.deepEqual(deltas.map((delta) => delta.role).filter(Boolean), ['assistant'])
  const firstContent = deltas.findIndex((delta) => delta.content !== undefined)
  const lastReasoning = deltas.findLastIndex((delta) => delta.reasoning_content !== undefined)
  assert.ok(lastReasoning < firstContent)
})

test('chat answer begins inside the think tag that the template opened', async () => {
  const answer = await call(thinking.url, CHAT, { body: chat('say deep</think>done') })
  assert.deepEqual(answer.json.choices[0]?.message, {
    role: 'assistant',
    reasoning_content: 'deep',
    content: 'done',
    refusal: null,
  })
})

test('chat stream that only reasons ends with empty content', async () => {
  const chunks = await streamOf(thinking, CHAT, chat('say still thinking', { max_tokens: 3 }))
  const last = chunks.at(-1)?.choices[0]
  assert.deepEqual(last?.delta, { content: '' })
  assert.equal(last?.finish_reason, 'length')
})

test('chat with a grammar closes the think tag and answers content', async () => {
  const response_format = { type: 'json_object' }
  const answer = await call(thinking.url, CHAT, { body: chat('prompt', { response_format }) })
  const message = answer.json.choices[0]?.message
  assert.equal(message?.reasoning_content, undefined)
  assert.match(JSON.parse(message?.content ?? '').text, /<think>\n\n<\/think>\n\n$/)
})

test('chat answer in one piece equals the stream', async () => {
  for (const content of ['echo a b c', 'say <think>x</think>y', 'bytes Grüße, 世界 🚀']) {
    const whole = await call(plain.url, CHAT, { body: chat(content) })
    const chunks = await streamOf(plain, CHAT, chat(content))
    assert.equal(textOf(chunks), whole.json.choices[0]?.message.content)
    assert.equal(reasonsOf(chunks).at(-1), whole.json.choices[0]?.finish_reason)
  }
})

test('chat stream never breaks a character', async () => {
  const chunks = await streamOf(plain, CHAT, chat('bytes Grüße, 世界 🚀'))
  assert.equal(textOf(chunks), 'Grüße, 世界 🚀')
  assert.ok(!JSON.stringify(chunks).includes('\ufffd'))
})

test('chat stream never leaks the stop text', async () => {
  const chunks = await streamOf(plain, CHAT, chat('say one STOP two', { stop: ['STOP'] }))
  assert.equal(textOf(chunks), 'one ')
  assert.deepEqual(reasonsOf(chunks).at(-1), 'stop')
})

test('chat stream finish_reason is null on every chunk but the last', async () => {
  const reasons = reasonsOf(await streamOf(plain, CHAT, chat('long 9', { max_tokens: 4 })))
  assert.equal(reasons.at(-1), 'length')
  assert.ok(reasons.slice(0, -1).every((reason) => reason === null))
})

test('chat stream of n choices keeps each choice whole', async () => {
  const chunks = await streamOf(plain, CHAT, chat('echo a b', { n: 3, seed: 7 }))
  for (const index of [0, 1, 2]) {
    assert.equal(textOf(chunks, index), ' a b')
    assert.equal(reasonsOf(chunks, index).filter((reason) => reason !== null).length, 1)
  }
  const answer = await call(plain.url, CHAT, { body: chat('params', { n: 2, seed: 7 }) })
  const seeds = answer.json.choices.map((one) => JSON.parse(one.message.content ?? '').seed)
  assert.deepEqual(seeds, [7, 8])
  assert.equal(answer.json.usage?.prompt_tokens, 5)
})

test('chat logprobs name parts of characters by their bytes', async () => {
  const more = { logprobs: true, top_logprobs: 2 }
  const answer = await call(plain.url, CHAT, { body: chat('bytes aé', more) })
  const content = answer.json.choices[0]?.logprobs.content
  assert.deepEqual(
    content?.map((entry) => entry.token),
    ['a', 'bytes:\\xc3', 'bytes:\\xa9'],
  )
  assert.deepEqual(content?.[0]?.top_logprobs[1], {
    token: ' alt1',
    logprob: -1.5,
    bytes: [32, 97, 108, 116, 49],
  })
  const chunks = await streamOf(plain, CHAT, chat('bytes aé', more))
  const streamed = chunks.flatMap((chunk) => chunk.choices[0]?.logprobs?.content ?? [])
  assert.deepEqual(streamed, content)
})

test('chat passes sampling parameters on to the engine', async () => {
  const schema = { type: 'object', properties: { a: { type: 'integer' } } }
  const more = {
    max_completion_tokens: 50,
    temperature: 0.5,
    top_p: 0.9,
    top_k: -1,
    min_p: 0.1,
    repeat_penalty: 1.1,
    presence_penalty: -1,
    frequency_penalty: 1,
    seed: 2 ** 32 + 5,
    stop_token_ids: [3],
    ignore_eos: true,
    min_tokens: 2,
    logit_bias: { 5: -100, 6: 1.5 },
    response_format: { type: 'json_schema', json_schema: { name: 'n', strict: true, schema } },
  }
  const answer = await call(plain.url, CHAT, { body: chat('params', more) })
  assert.deepEqual(JSON.parse(answer.json.choices[0]?.message.content ?? ''), {
    maxTokens: 50,
    temperature: 0.5,
    topK: 0,
    topP: 0.9,
    minP: 0.1,
    repetitionPenalty: 1.1,
    presencePenalty: -1,
    frequencyPenalty: 1,
    penaltyLastN: -1,
    logitBias: [
      [5, -100],
      [6, 1.5],
    ],
    stop: [],
    stopTokenIds: [3],
    ignoreEos: true,
    minTokens: 2,
    seed: 5,
    grammar: { kind: 'schema', schema },
  })
})

test('chat joins text parts and maps developer to system', async () => {
  const messages = [
    { role: 'developer', content: 'rules' },
    { role: 'assistant', content: null, refusal: null },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'one' },
        { type: 'text', text: 'prompt' },
      ],
    },
  ]
  const answer = await call(plain.url, CHAT, { body: { messages } })
  const { text, addSpecial } = JSON.parse(answer.json.choices[0]?.message.content ?? '')
  assert.equal(addSpecial, true)
  assert.equal(
    text,
    '<|im_start|>system\nrules<|im_end|>\n<|im_start|>assistant\n<|im_end|>\n' +
      '<|im_start|>user\none\nprompt<|im_end|>\n<|im_start|>assistant\n',
  )
})

test('chat reports prefill progress without choices when asked', async () => {
  const chunks = await streamOf(plain, CHAT, chat('prefill 3', { return_progress: true }))
  const progress = chunks.filter((chunk) => chunk.prompt_progress !== undefined)
  assert.ok(progress.length >= 3)
  assert.ok(progress.every((chunk) => chunk.choices.length === 0))
  assert.equal(textOf(chunks), 'done')
})

test('completions take a string, strings, token ids and lists of them', async () => {
  const { json } = await call(plain.url, '/tokenize', { body: { content: 'echo p q' } })
  const shapes: ReadonlyArray<readonly [unknown, readonly string[]]> = [
    ['echo a', [' a']],
    [
      ['echo a', 'echo b', 'echo c'],
      [' a', ' b', ' c'],
    ],
    [json.tokens, [' p q']],
    [
      [json.tokens, json.tokens],
      [' p q', ' p q'],
    ],
  ]
  for (const [prompt, texts] of shapes) {
    const answer = await call(plain.url, COMPLETIONS, { body: { prompt } })
    assert.deepEqual(
      answer.json.choices.map((one) => one.text),
      texts,
    )
    assert.deepEqual(
      answer.json.choices.map((one) => one.index),
      texts.map((_, index) => index),
    )
  }
})

test('completions run more prompts than there are places, in order', async () => {
  const prompt = Array.from({ length: 50 }, (_, i) => `echo n${i}`)
  const answer = await call(plain.url, COMPLETIONS, { body: { prompt } })
  assert.deepEqual(
    answer.json.choices.map((one) => one.text),
    prompt.map((_, i) => ` n${i}`),
  )
  assert.equal(answer.json.usage?.completion_tokens, 50)
})

test('completions echo with logprobs serves loglikelihood', async () => {
  const { json } = await call(plain.url, '/tokenize', { body: { content: 'echo x y' } })
  const body = { prompt: [json.tokens], echo: true, logprobs: 1, max_tokens: 1, temperature: 0 }
  const answer = await call(plain.url, COMPLETIONS, { body })
  const choice = answer.json.choices[0]
  assert.equal(choice?.text, 'echo x y x')
  assert.deepEqual(choice?.logprobs.tokens, ['echo', ' x', ' y', ' x'])
  assert.deepEqual(choice?.logprobs.token_logprobs, [null, -0.5, -0.5, -0.5])
  assert.deepEqual(choice?.logprobs.text_offset, [0, 4, 6, 8])
  assert.deepEqual(choice?.logprobs.top_logprobs[1], { ' x': -0.5 })
  const none = await call(plain.url, COMPLETIONS, { body: { ...body, max_tokens: 0 } })
  assert.equal(none.json.choices[0]?.text, 'echo x y')
  assert.equal(none.json.choices[0]?.logprobs.tokens.length, 3)
})

test('completions stream equals the answer in one piece', async () => {
  const body = { prompt: 'echo x y', echo: true, logprobs: 2, n: 2, return_token_ids: true }
  const whole = await call(plain.url, COMPLETIONS, { body })
  const chunks = await streamOf(plain, COMPLETIONS, body)
  for (const one of whole.json.choices) {
    const parts = chunks.flatMap((chunk) => chunk.choices.filter((c) => c.index === one.index))
    assert.equal(parts.map((part) => part.text).join(''), one.text)
    assert.deepEqual(
      parts.flatMap((part) => part.logprobs.tokens),
      one.logprobs.tokens,
    )
    assert.deepEqual(
      parts.flatMap((part) => part.token_ids),
      one.token_ids,
    )
    assert.deepEqual(
      parts.map((part) => part.finish_reason).filter((reason) => reason !== null),
      ['stop'],
    )
  }
})

test('tokenize and detokenize are inverse and know both dialects', async () => {
  const one = await call(plain.url, '/tokenize', { body: { content: 'some text' } })
  const two = await call(plain.url, '/tokenize', { body: { prompt: 'some text' } })
  assert.equal(one.json.count, 2)
  assert.equal(two.json.count, 3)
  assert.equal(one.json.max_model_len, 1000)
  const back = await call(plain.url, '/detokenize', { body: { tokens: one.json.tokens } })
  assert.deepEqual(back.json, { content: 'some text', prompt: 'some text' })
})
