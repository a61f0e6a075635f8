import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { opensThinking, ReasoningSplitter, thinkTagsOf } from '../../src/server/reasoning.js'

const tags = { open: '<think>', close: '</think>' }

type Phase = 'start' | 'reasoning' | 'content'

function split(chunks: readonly string[], phase: Phase = 'start') {
  const splitter = new ReasoningSplitter({ tags, phase })
  const parts = [...chunks.map((chunk) => splitter.push(chunk)), splitter.end()]
  return {
    reasoning: parts.map((part) => part.reasoning).join(''),
    content: parts.map((part) => part.content).join(''),
  }
}

const cases: ReadonlyArray<readonly [string, Phase, string, string]> = [
  ['plain text', 'start', '', 'plain text'],
  ['  plain', 'start', '', '  plain'],
  ['<think>\nwhy\n</think>\n\nanswer', 'start', 'why', 'answer'],
  ['\n<think>why</think>answer', 'start', 'why', 'answer'],
  ['why\n</think>\nanswer', 'reasoning', 'why', 'answer'],
  ['<think></think>answer', 'start', '', 'answer'],
  ['<think>cut off </thi', 'start', 'cut off </thi', ''],
  ['<think>only</think>  ', 'start', 'only', ''],
  ['see <think>this</think>', 'start', '', 'see <think>this</think>'],
  ['<thin', 'start', '', '<thin'],
  ['<thinker>', 'start', '', '<thinker>'],
  ['<think>a </think', 'content', '', '<think>a </think'],
  ['', 'start', '', ''],
]

for (const [text, phase, reasoning, content] of cases) {
  test(`ReasoningSplitter splits ${JSON.stringify(text)} from ${phase}`, () => {
    assert.deepEqual(split([text], phase), { reasoning, content })
  })
}

const alphabet = ['<', 'think', '>', '</', '/', 'thi', ' ', '\n', 'a', '<think>', '</think>', 'é']
const texts = fc.array(fc.constantFrom(...alphabet), { maxLength: 20 }).map((list) => list.join(''))
const phases = fc.constantFrom<Phase>('start', 'reasoning', 'content')

test('ReasoningSplitter gives the same parts for every chunking', () => {
  fc.assert(
    fc.property(texts, phases, fc.array(fc.nat(120), { maxLength: 10 }), (text, phase, cuts) => {
      const at = [0, ...cuts.map((cut) => cut % (text.length + 1)), text.length]
      const sorted = at.sort((a, b) => a - b)
      const chunks = sorted.slice(1).map((end, i) => text.slice(sorted[i], end))
      assert.deepEqual(split(chunks, phase), split([text], phase))
    }),
    { numRuns: 2000 },
  )
})

test('ReasoningSplitter gives reasoning before content and loses only tags and white space', () => {
  fc.assert(
    fc.property(texts, phases, (text, phase) => {
      const splitter = new ReasoningSplitter({ tags, phase })
      let hasContent = false
      for (const part of [...[...text].map((c) => splitter.push(c)), splitter.end()]) {
        assert.ok(!(hasContent && part.reasoning !== ''))
        hasContent ||= part.content !== ''
      }
      const { reasoning, content } = split([text], phase)
      const bare = (s: string) =>
        s.replace(/\s/g, '').replace('<think>', '').replace('</think>', '')
      assert.equal(bare(reasoning + content).length <= text.length, true)
      if (phase === 'content') assert.equal(content, text)
    }),
  )
})

test('thinkTagsOf finds the tags of a template', () => {
  assert.equal(thinkTagsOf(null).open, '<think>')
  assert.equal(thinkTagsOf('... [THINK] ... [/THINK]').open, '[THINK]')
})

test('opensThinking looks at the end of the prompt only', () => {
  assert.equal(opensThinking('user\n<think>\n', tags), true)
  assert.equal(opensThinking('<think>\n\n</think>\n\n', tags), false)
})
