/**
 * What a client does wrong: each is told what, where and how to mend it, and the server goes on.
 */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { jsonDepth } from '../../src/server/json-body.js'
import { BODY_BYTES_MAX } from '../../src/server/limits.js'
import { type Answer, call, chat, type Harness, startHarness } from './harness.js'

let harness: Harness

before(async () => {
  harness = await startHarness()
})
after(() => harness[Symbol.asyncDispose]())

const CHAT = '/v1/chat/completions'
const COMPLETIONS = '/v1/completions'

function assertError(answer: Answer, status: number, code: string, param: string | null): void {
  assert.equal(answer.status, status, answer.text)
  const { error } = answer.json
  assert.equal(error.code, code)
  assert.equal(error.param, param, error.message)
  assert.equal(typeof error.message, 'string')
  assert.match(answer.headers['content-type'] ?? '', /^application\/json/)
}

const badChats: ReadonlyArray<readonly [object, string, string]> = [
  [{ temperature: -1 }, 'bad_param', 'temperature'],
  [{ temperature: 'hot' }, 'bad_param', 'temperature'],
  [{ temperature: 1e300 }, 'bad_param', 'temperature'],
  [{ top_p: 1.5 }, 'bad_param', 'top_p'],
  [{ top_k: 1.5 }, 'bad_param', 'top_k'],
  [{ max_tokens: 0 }, 'bad_param', 'max_tokens'],
  [{ max_tokens: 1e20 }, 'bad_param', 'max_tokens'],
  [{ max_completion_tokens: -5 }, 'bad_param', 'max_completion_tokens'],
  [{ n: 9 }, 'bad_param', 'n'],
  [{ n: 0 }, 'bad_param', 'n'],
  [{ seed: 1e30 }, 'bad_param', 'seed'],
  [{ stop: Array(17).fill('x') }, 'bad_param', 'stop'],
  [{ stop: ['x'.repeat(257)] }, 'bad_param', 'stop[0]'],
  [{ stop: '' }, 'bad_param', 'stop[0]'],
  [{ logit_bias: { x: 1 } }, 'bad_param', 'logit_bias[0][0]'],
  [{ logit_bias: { 1: 101 } }, 'bad_param', 'logit_bias[0][1]'],
  [{ logit_bias: { 999999: 1 } }, 'bad_param', 'logit_bias'],
  [{ top_logprobs: 21, logprobs: true }, 'bad_param', 'top_logprobs'],
  [{ top_logprobs: 2 }, 'bad_param', 'top_logprobs'],
  [{ stream: 'yes' }, 'bad_param', 'stream'],
  [{ stream_options: { nonsense: 1 } }, 'unsupported_param', 'stream_options.nonsense'],
  [{ response_format: { type: 'xml' } }, 'bad_param', 'response_format.type'],
  [{ grammar: 'root ::= "a"', json_schema: {} }, 'bad_param', 'grammar'],
  [{ json_schema: { description: 'x'.repeat(70_000) } }, 'bad_param', 'json_schema'],
  [{ tools: [{ type: 'function', function: { name: 'f' } }] }, 'unsupported_param', 'tools'],
  [{ chat_template: '{{ 1 }}' }, 'unsupported_param', 'chat_template'],
  [{ chat_template_kwargs: { x: 1 } }, 'unsupported_param', 'chat_template_kwargs.x'],
  [
    { chat_template_kwargs: { enable_thinking: {} } },
    'bad_param',
    'chat_template_kwargs.enable_thinking',
  ],
  [{ temprature: 1 }, 'unsupported_param', 'temprature'],
  [{ messages: [] }, 'bad_param', 'messages'],
  [{ messages: 'hi' }, 'bad_param', 'messages'],
  [{ messages: [{ role: 'wizard', content: 'x' }] }, 'bad_param', 'messages[0].role'],
  [{ messages: [{ role: 'user' }] }, 'bad_param', 'messages[0].content'],
  [
    { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] },
    'bad_param',
    'messages[0].content[0].type',
  ],
]

for (const [more, code, param] of badChats) {
  test(`chat refuses ${JSON.stringify(more).slice(0, 70)}`, async () => {
    assertError(await call(harness.url, CHAT, { body: chat('echo a', more) }), 400, code, param)
  })
}

const badCompletions: ReadonlyArray<readonly [object, string, string]> = [
  [{}, 'bad_param', 'prompt'],
  [{ prompt: [] }, 'bad_param', 'prompt'],
  [{ prompt: {} }, 'bad_param', 'prompt'],
  [{ prompt: [[]] }, 'bad_param', 'prompt[0]'],
  [{ prompt: ['a', 1] }, 'bad_param', 'prompt[1]'],
  [{ prompt: [1, 'a'] }, 'bad_param', 'prompt'],
  [{ prompt: [1.5] }, 'bad_param', 'prompt'],
  [{ prompt: [4096] }, 'bad_param', 'prompt'],
  [{ prompt: 'a', suffix: 'b' }, 'unsupported_param', 'suffix'],
  [{ prompt: 'a', best_of: 3 }, 'unsupported_param', 'best_of'],
  [{ prompt: 'a', max_tokens: 0 }, 'bad_param', 'max_tokens'],
  [{ prompt: Array(600).fill('a'), n: 2 }, 'bad_param', 'prompt'],
]

for (const [body, code, param] of badCompletions) {
  test(`completions refuse ${JSON.stringify(body).slice(0, 70)}`, async () => {
    assertError(await call(harness.url, COMPLETIONS, { body }), 400, code, param)
  })
}

test('chat accepts parameters that change nothing', async () => {
  const more = {
    user: 'u',
    store: true,
    metadata: { a: 'b' },
    service_tier: 'auto',
    tools: [],
    tool_choice: 'none',
    parallel_tool_calls: true,
    stop: null,
    logit_bias: null,
    modalities: ['text'],
  }
  assert.equal((await call(harness.url, CHAT, { body: chat('echo a', more) })).status, 200)
})

test('an unknown model is a 404 that names the known one', async () => {
  const answer = await call(harness.url, CHAT, { body: { ...chat('echo a'), model: 'gpt-9' } })
  assertError(answer, 404, 'model_not_found', 'model')
  assert.match(answer.json.error.message, /fake/)
  assertError(await call(harness.url, '/v1/models/gpt-9'), 404, 'model_not_found', 'model')
  assert.equal((await call(harness.url, '/v1/models/fake')).json.id, 'fake')
})

test('bodies that are no JSON object are refused', async () => {
  for (const body of ['', '{', '[]', '7', 'null', '"x"', '{"a":1}}']) {
    assertError(await call(harness.url, CHAT, { body }), 400, 'bad_json', null)
  }
})

test('deep JSON is refused before it is parsed', async () => {
  const body = `{"messages":${'['.repeat(100_000)}`
  assertError(await call(harness.url, CHAT, { body }), 400, 'bad_json', null)
})

test('jsonDepth ignores brackets in strings', () => {
  assert.equal(jsonDepth(Buffer.from('{"a[[[\\"[":[1,{"b":"]]"}]}')), 3)
  assert.equal(jsonDepth(Buffer.from('"\\\\"[[')), 2)
  assert.equal(jsonDepth(Buffer.from('"never ends [[')), 0)
})

test('numbers beyond double range are refused by name', async () => {
  const body = '{"messages":[{"role":"user","content":"echo a"}],"temperature":1e400}'
  assertError(await call(harness.url, CHAT, { body }), 400, 'bad_param', 'temperature')
})

test('a body announced too large is refused before it is sent', async () => {
  const answer = await rawRequest(
    `POST ${CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${BODY_BYTES_MAX + 1}\r\n\r\n{`,
  )
  assert.match(answer, /^HTTP\/1\.1 413 /)
  assert.match(answer, /"code":"body_too_large"/)
})

test('a body that grows too large is refused', async () => {
  const body = `{"x":"${'a'.repeat(BODY_BYTES_MAX)}"}`
  const headers = { 'transfer-encoding': 'chunked' }
  const answer = await call(harness.url, CHAT, { body, headers })
  assertError(answer, 413, 'body_too_large', null)
})

test('a list of more tokens than the context holds is refused by number', async () => {
  const answer = await call(harness.url, COMPLETIONS, { body: { prompt: Array(1001).fill(5) } })
  assertError(answer, 400, 'context_too_long', 'prompt')
  assert.match(answer.json.error.message, /1001 tokens.*1000/)
})

test('what is not HTTP gets a JSON error', async () => {
  const answer = await rawRequest('HELLO\r\n\r\n')
  assert.match(answer, /^HTTP\/1\.1 400 /)
  assert.match(answer, /"code":"bad_request"/)
  const big = await rawRequest(
    `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`,
  )
  assert.match(big, /^HTTP\/1\.1 431 /)
})

test('errors of the engine reach the client with their status', async () => {
  for (const stream of [false, true]) {
    const grammar = await call(harness.url, CHAT, { body: chat('fail BAD_GRAMMAR', { stream }) })
    assertError(grammar, 400, 'bad_grammar', null)
    const long = chat('w '.repeat(2000), { stream })
    assertError(await call(harness.url, CHAT, { body: long }), 400, 'context_too_long', null)
  }
  const defect = await call(harness.url, CHAT, { body: chat('fail INTERNAL') })
  assertError(defect, 500, 'internal', null)
  assert.ok(!defect.text.includes('fake INTERNAL'))
})

test('the server serves on after all of that', async () => {
  assert.equal((await call(harness.url, CHAT, { body: chat('echo a') })).status, 200)
})

/** Sends bytes and reads until the server closes. */
function rawRequest(text: string): Promise<string> {
  const { port } = new URL(harness.url)
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), '127.0.0.1', () => socket.write(text))
    let answer = ''
    socket.setEncoding('utf8')
    socket.on('data', (data) => {
      answer += data
    })
    socket.on('close', () => resolve(answer))
    socket.on('error', reject)
  })
}
