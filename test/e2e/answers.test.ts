import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { openGguf } from '../../src/gguf/reader.js'
import { Model } from '../../src/native/llama-model.js'
import { assertSameAnswer, plainGreedy, promptOf, textModel } from '../engine/support.js'
import { call } from '../server/harness.js'
import { writeDemoModel } from '../support/demo-model.js'
import { survivorsAfterWait } from '../support/processes.js'
import { scratchDirectory } from '../support/scratch.js'
import { chatText, completeTokens, streamTokens } from './requests.js'
import { serve, sputnik } from './served.js'

const COUNT = 48
const QUESTION = 'How does the moon move the sea?'
const CHAT = `<|im_start|>user\n${QUESTION}<|im_end|>\n<|im_start|>assistant\n`
const demo = textModel()
const reference = plainGreedy(demo, { prompt: promptOf(40), count: COUNT })
const chat = plainChat()

/** What plain libllama answers to the question, as tokens and as text. */
function plainChat() {
  const special = { addSpecial: false, parseSpecial: true }
  const { vocab } = Model.load(openGguf(demo).files.map((file) => file.path))
  const prompt = [...vocab.tokenize(CHAT, special)]
  const answer = plainGreedy(demo, { prompt, count: COUNT })
  return { ...answer, text: vocab.detokenize(answer.tokens) }
}

for (const cards of ['0', '1', '3']) {
  test(`serve --cards ${cards} answers as plain libllama does`, async () => {
    await using served = await serve(demo, '--cards', cards)
    assert.equal(served.cardPids().length, Number(cards))
    const ask = { prompt: promptOf(40), count: COUNT }
    assertSameAnswer(await completeTokens(served.url, ask), reference)
    assertSameAnswer(await streamTokens(served.url, ask), reference)
    assert.equal(await chatText(served.url, QUESTION, COUNT), chat.text)
  })
}

test('serve puts a model of three files on cards', async () => {
  const path = writeDemoModel(join(scratchDirectory(), 'split'), { splits: 3 })
  assert.match(path, /split-00001-of-00003\.gguf$/)
  await using served = await serve(path, '--cards', '2')
  const tokens = await completeTokens(served.url, { prompt: promptOf(40), count: COUNT })
  assertSameAnswer(tokens, reference)
  const models = await call(served.url, '/v1/models')
  assert.equal(models.json.data[0]?.id, 'split')
})

test('run prints the text of plain libllama from cards', async () => {
  const greedy = ['--temperature', '0', '--max-tokens', String(COUNT), '--threads', '1']
  const finished = await sputnik('run', demo, QUESTION, '--cards', '2', ...greedy)
  assert.equal(finished.status, 0, finished.stderr)
  const text = finished.stdout.replace(/\n$/, '')
  assert.ok(text.length > 0)
  assert.ok(chat.text.startsWith(text), 'an end of text may come first')
})

test('demo answers, says where the experts ran and leaves nothing behind', async () => {
  const finished = await sputnik('demo', '--json')
  assert.equal(finished.status, 0, finished.stderr)
  const { answer, cards, head } = JSON.parse(finished.stdout)
  assert.ok(answer.answerTokens > 0 && answer.answerTokens <= 160)
  // A story, not noise: words of letters, most of them short.
  assert.ok((answer.text.match(/\b[a-z]{2,8}\b/g) ?? []).length > answer.answerTokens / 3)
  assert.equal(cards.length, 3)
  const shares = cards.map((card: { share: number }) => card.share)
  assert.ok(Math.abs(shares.reduce((sum: number, share: number) => sum + share, 0) - 1) < 1e-9)
  const pids = [...head, ...cards].map((one: { pid: number }) => one.pid)
  assert.equal(new Set(pids).size, 5)
  assert.deepEqual(await survivorsAfterWait(pids), [])
})

test('demo prints the story, the speed and one line for each process', async () => {
  const { status, stdout, stderr } = await sputnik('demo', '--cards', '1')
  assert.equal(status, 0, stderr)
  assert.match(stdout, /^Once upon a time there was a little girl .*\S$/m)
  assert.match(stdout, /^decode +\d+ tokens at [\d.]+ tokens\/s$/m)
  assert.match(stdout, /^card 0 +\d+ .* 96 +\d+ +100 %$/m)
})
