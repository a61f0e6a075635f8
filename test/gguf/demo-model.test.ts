import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Template } from '@huggingface/jinja'
import fc from 'fast-check'
import { defined } from '../../src/base/assert.js'
import { demoTokenizer } from '../../src/gguf/demo-tokenizer.js'
import { openGguf } from '../../src/gguf/reader.js'
import { loadLibraries } from '../../src/native/library.js'
import { Model } from '../../src/native/llama-model.js'
import { writeDemoModel } from '../support/demo-model.js'
import { scratchDirectory } from '../support/scratch.js'

const path = writeDemoModel(join(scratchDirectory(), 'demo.gguf'))
loadLibraries()
const model = Model.load([path])
after(() => model.free())

const plain = { addSpecial: false, parseSpecial: false }

function roundTrip(text: string): string {
  const pieces = [...model.vocab.tokenize(text, plain)].map((token) => model.vocab.piece(token))
  return Buffer.concat(pieces).toString('utf8')
}

test('writeDemoModel makes a file of a few megabytes', () => {
  assert.ok(statSync(path).size < 8 * 1024 * 1024)
})

test('demoTokenizer encodes and decodes any text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
      assert.equal(roundTrip(text), text)
    }),
  )
  assert.equal(roundTrip('naïve 你好 🚀\n\tx = 1;'), 'naïve 你好 🚀\n\tx = 1;')
})

test('demoTokenizer gives common words one token', () => {
  assert.equal(model.vocab.tokenize(' the people of the world', plain).length, 5)
})

test('demoTokenizer has control tokens that end a generation', () => {
  const parsed = model.vocab.tokenize('<|im_end|><think>', { ...plain, parseSpecial: true })
  const [end, think] = parsed
  assert.equal(parsed.length, 2)
  assert.equal(model.vocab.eos, end)
  assert.ok(model.vocab.isEog(defined(end, 'token')))
  assert.ok(!model.vocab.isEog(defined(think, 'token')))
})

test('demoTokenizer fills up to the wanted size with distinct tokens', () => {
  const tokens = demoTokenizer(8192)['tokenizer.ggml.tokens']
  assert.ok(tokens?.type === 'array')
  assert.equal(tokens.value.length, 8192)
  assert.equal(new Set(tokens.value).size, 8192)
})

test('the chat template of the demo model renders ChatML', () => {
  const text = defined(openGguf(path).getString('tokenizer.chat_template'), 'template')
  const messages = [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'Hi' },
  ]
  const rendered = new Template(text).render({ messages, add_generation_prompt: true })
  assert.equal(
    rendered,
    '<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n',
  )
})
