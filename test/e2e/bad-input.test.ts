import assert from 'node:assert/strict'
import { copyFileSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promptOf, textModel } from '../engine/support.js'
import { call } from '../server/harness.js'
import { scratchDirectory } from '../support/scratch.js'
import { denseModel } from './models.js'
import { completeTokens } from './requests.js'
import { serve, sputnik } from './served.js'

const demo = textModel()
const dense = denseModel()

function truncated(bytes: number): string {
  const path = join(scratchDirectory(), 'truncated.gguf')
  copyFileSync(demo, path)
  truncateSync(path, bytes)
  return path
}

/** Arguments of `serve`, exit status, code and remedy. */
const refused: ReadonlyArray<
  readonly [what: string, args: readonly string[], status: number, pattern: RegExp]
> = [
  ['a missing file', ['/nowhere/m.gguf'], 3, /^FILE_NOT_FOUND {2}.*\nfix: Check the path/m],
  ['a folder', [scratchDirectory()], 1, /^(FILE_UNREADABLE|GGUF_INVALID) {2}.*\nfix: /m],
  ['half a header', [truncated(5000)], 1, /^GGUF_INVALID {2}.*\nfix: Download/m],
  ['half the tensors', [truncated(2_000_000)], 1, /^GGUF_INVALID {2}.*\nfix: Download/m],
  ['a dense model on cards', [dense, '--cards', '2'], 2, /^MODEL_DENSE {2}.*\nfix: .*--cards 0/m],
  ['an unknown type', [demo, '--kv-type', 'q9_9'], 2, /^USAGE {2}.*q4_0.*\nfix: /m],
  [
    'a type without fused attention',
    [demo, '--kv-type', 'q8_0', '--flash-attn', 'off'],
    2,
    /^USAGE/m,
  ],
  [
    'more context than memory',
    [demo, '--ctx', '900000000'],
    6,
    /^OUT_OF_MEMORY {2}.*MiB.*\nfix: /m,
  ],
  ['an open address without a key', [demo, '--host', '0.0.0.0'], 2, /^NO_API_KEY {2}.*\nfix: /m],
]

for (const [what, args, status, pattern] of refused) {
  test(`serve refuses ${what} with status ${status}`, async () => {
    const finished = await sputnik('serve', '--port', '0', '--log-level', 'error', ...args)
    assert.equal(finished.status, status, finished.stderr)
    assert.match(finished.stderr, pattern)
    assert.doesNotMatch(finished.stderr, /\n {4}at /, 'a stack is for defects')
  })
}

test('serve refuses a port in use, and the first server goes on', async () => {
  await using served = await serve(demo, '--cards', '1')
  const { port } = new URL(served.url)
  const finished = await sputnik('serve', demo, '--port', port)
  assert.equal(finished.status, 1)
  assert.match(finished.stderr, /^PORT_IN_USE {2}.*\nfix: .*--port/m)
  assert.equal((await call(served.url, '/ready')).status, 200)
})

test('serve answers a dense model without cards', async () => {
  await using served = await serve(dense)
  const tokens = await completeTokens(served.url, { prompt: promptOf(8), count: 8 })
  assert.equal(tokens.length, 8)
})

/** Bodies for /v1/completions of a server with 512 tokens of context. */
const badBodies: ReadonlyArray<
  readonly [what: string, body: unknown, status: number, code: string]
> = [
  ['too long a prompt', { prompt: promptOf(512) }, 400, 'context_too_long'],
  ['far too long a text', { prompt: 'the sea '.repeat(50_000) }, 400, 'context_too_long'],
  ['a token of no model', { prompt: [1, 999_999] }, 400, 'bad_param'],
  ['a wrong type', { prompt: 'x', max_tokens: 'many' }, 400, 'bad_param'],
  ['a number out of range', { prompt: 'x', temperature: -1 }, 400, 'bad_param'],
  ['an unsupported parameter', { prompt: 'x', suffix: 'y' }, 400, 'unsupported_param'],
  ['another model', { prompt: 'x', model: 'other' }, 404, 'model_not_found'],
  ['a broken grammar', { prompt: 'x', grammar: 'root ::= (' }, 400, 'bad_grammar'],
  ['broken JSON', '{"prompt": ', 400, 'bad_json'],
]

test('a server with cards answers each bad request with its error and goes on', async () => {
  await using served = await serve(demo, '--cards', '2')
  const pids = served.pids()
  for (const [what, body, status, code] of badBodies) {
    const answer = await call(served.url, '/v1/completions', { body })
    assert.equal(answer.status, status, `${what}: ${answer.text}`)
    assert.equal(answer.json.error.code, code, what)
    assert.ok(answer.json.error.message.length > 20, what)
  }
  const tokens = await completeTokens(served.url, { prompt: promptOf(8), count: 8 })
  assert.equal(tokens.length, 8)
  assert.deepEqual(served.pids(), pids)
})
