/** The model in the box: found without being named, right on any number of cards, and as described. */

import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { test } from 'node:test'
import { z } from 'zod'
import { PlainModel } from '../../models/tiny/plain-model.js'
import { bitsPerByte, textLoss } from '../../models/tiny/text-loss.js'
import { bundledModel } from '../../src/cli/bundled-model.js'
import { inspectModel } from '../../src/cli/inspect.js'
import { plainGreedy } from '../engine/support.js'
import { completeTokens } from './requests.js'
import { serve, sputnik } from './served.js'

const PROMPT = 'The old king had three sons, and the youngest of them'
const COUNT = 64
const path = bundledModel()
const facts = z
  .object({
    bytes: z.int(),
    parameters: z.int(),
    experts: z.int(),
    expertsUsed: z.int(),
    excerptBytes: z.int(),
    excerptBitsPerByte: z.number(),
  })
  .parse(JSON.parse(readFileSync('models/tiny/facts.json', 'utf8')))
const plain = new PlainModel(path, { threads: 1, kvType: 'f16' })

test('bundledModel is the file that its facts describe', () => {
  const { experts } = inspectModel(path)
  assert.equal(statSync(path).size, facts.bytes)
  assert.ok(facts.bytes <= 30e6)
  assert.deepEqual([experts.perLayer, experts.used], [facts.experts, facts.expertsUsed])
})

test('bundledModel has the loss on the excerpt that its facts and its README say', () => {
  const excerpt = readFileSync('models/tiny/excerpt.txt', 'utf8')
  const loss = textLoss(plain, excerpt)
  assert.equal(loss.bytes, facts.excerptBytes)
  // Processors differ in the last bits of their sums.
  assert.ok(Math.abs(bitsPerByte(loss) - facts.excerptBitsPerByte) < 0.002)
  const readme = readFileSync('models/tiny/README.md', 'utf8')
  assert.ok(readme.includes(facts.excerptBitsPerByte.toFixed(2)))
})

const prompt = [...plain.vocab.tokenize(PROMPT, { addSpecial: false, parseSpecial: false })]
const reference = plainGreedy(path, { prompt, count: COUNT })

for (const args of [[], ['--cards', '1'], ['--cards', '3', '--exact']]) {
  test(`serve ${args.join(' ')} goes on as plain libllama does, without a model named`, async () => {
    await using served = await serve(...args)
    const tokens = await completeTokens(served.url, { prompt, count: COUNT })
    assert.deepEqual(tokens, reference.tokens)
  })
}

for (const cards of ['0', '1', '3']) {
  test(`verify --cards ${cards} finds the bundled model right`, async () => {
    const { status, stdout, stderr } = await sputnik('verify', '--cards', cards, '--json')
    assert.equal(status, 0, stderr)
    const { cards: found, isWithin } = JSON.parse(stdout) as { cards: number; isWithin: boolean }
    assert.deepEqual([found, isWithin], [Number(cards), true])
  })
}

test('run takes a single argument for the prompt and goes on with it', async () => {
  const args = ['run', PROMPT, '--temperature', '0', '--max-tokens', String(COUNT)]
  const { status, stdout, stderr } = await sputnik(...args)
  assert.equal(status, 0, stderr)
  assert.equal(stdout.trimEnd(), plain.vocab.detokenize(reference.tokens).trimEnd())
})

test('run takes a single argument for a model when it looks like a file', async () => {
  const { status, stderr } = await sputnik('run', 'nowhere.gguf')
  assert.equal(status, 3, stderr)
  assert.match(stderr, /^FILE_NOT_FOUND /m)
})
