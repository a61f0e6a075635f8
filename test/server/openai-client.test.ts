/**
 * The official client, unchanged, against the server.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import OpenAI from 'openai'
import { type Harness, startHarness, until } from './harness.js'

let harness: Harness
let client: OpenAI

before(async () => {
  harness = await startHarness({ apiKeys: ['the-key'], config: { parallel: 2 }, maxQueue: 0 })
  client = new OpenAI({ baseURL: `${harness.url}/v1`, apiKey: 'the-key', maxRetries: 0 })
})
after(() => harness[Symbol.asyncDispose]())

const messages = (content: string) => [{ role: 'user' as const, content }]

test('openai lists models', async () => {
  const ids = []
  for await (const model of client.models.list()) ids.push(model.id)
  assert.deepEqual(ids, ['fake'])
  assert.equal((await client.models.retrieve('fake')).object, 'model')
})

test('openai chats, streamed and not', async () => {
  const body = { model: 'fake', messages: messages('echo a b') }
  const whole = await client.chat.completions.create(body)
  assert.equal(whole.choices[0]?.message.content, ' a b')
  const stream = await client.chat.completions.create({
    ...body,
    stream: true,
    stream_options: { include_usage: true },
  })
  let text = ''
  let total = 0
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? ''
    total += chunk.usage?.total_tokens ?? 0
  }
  assert.equal(text, ' a b')
  assert.equal(total, whole.usage?.total_tokens)
})

test('openai stream helper gathers the final message', async () => {
  const stream = client.chat.completions.stream({ model: 'fake', messages: messages('echo x') })
  assert.equal(await stream.finalContent(), ' x')
})

test('openai parses structured output', async () => {
  const completion = await client.chat.completions.parse({
    model: 'fake',
    messages: messages('say {"a":1}'),
    response_format: {
      type: 'json_schema',
      json_schema: { name: 'n', strict: true, schema: { type: 'object' } },
    },
  })
  assert.equal(completion.choices[0]?.message.content, '{"a":1}')
})

test('openai completes prompts', async () => {
  const completion = await client.completions.create({
    model: 'fake',
    prompt: ['echo a', 'echo b'],
    logprobs: 1,
  })
  assert.deepEqual(
    completion.choices.map((choice) => choice.text),
    [' a', ' b'],
  )
  assert.equal(completion.choices[0]?.logprobs?.tokens?.length, 1)
})

test('openai sees typed errors', async () => {
  const wrongKey = new OpenAI({ baseURL: `${harness.url}/v1`, apiKey: 'no', maxRetries: 0 })
  await assert.rejects(wrongKey.models.list().then(), OpenAI.AuthenticationError)
  const body = { model: 'other', messages: messages('echo a') }
  await assert.rejects(client.chat.completions.create(body), OpenAI.NotFoundError)
  const hot = { model: 'fake', messages: messages('echo a'), temperature: 9 }
  await assert.rejects(client.chat.completions.create(hot), (error: unknown) => {
    assert.ok(error instanceof OpenAI.BadRequestError)
    assert.equal(error.param, 'temperature')
    return true
  })
})

test('openai throws on an error chunk in the middle of a stream', async () => {
  const stream = await client.chat.completions.create({
    model: 'fake',
    messages: messages('late CARD_LOST'),
    stream: true,
  })
  await assert.rejects(async () => {
    for await (const chunk of stream) void chunk
  }, OpenAI.APIError)
})

test('openai break aborts and frees the slot; a full queue is a RateLimitError', async () => {
  const body = { model: 'fake', messages: messages('forever'), stream: true as const, n: 2 }
  const stream = await client.chat.completions.create(body)
  for await (const chunk of stream) {
    assert.ok(chunk.choices[0]?.delta)
    await assert.rejects(client.chat.completions.create(body), OpenAI.RateLimitError)
    break
  }
  await until(async () => (await harness.engine.stats()).running === 0)
})
