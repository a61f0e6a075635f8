import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ModelInfo } from '../../src/engine/protocol.js'
import { TemplateRenderer } from '../../src/server/template.js'

function modelWith(chatTemplate: string | null): ModelInfo {
  return {
    id: 'm',
    architecture: 'a',
    description: '',
    chatTemplate,
    bosText: '<s>',
    eosText: '</s>',
    vocabSize: 10,
    hasVocab: true,
    contextLength: 10,
    trainContextLength: 10,
    parallel: 1,
    experts: 8,
    expertsUsed: 3,
    cards: 0,
    fingerprint: '',
  }
}

const user = { role: 'user', content: 'hi' }

async function withRenderer<T>(
  template: string | null,
  action: (renderer: TemplateRenderer) => Promise<T>,
  options: { budgetMs?: number; maxBytes?: number } = {},
): Promise<T> {
  const renderer = new TemplateRenderer(modelWith(template), options)
  try {
    return await action(renderer)
  } finally {
    await renderer.close()
  }
}

test('TemplateRenderer gives templates what they expect', async () => {
  const template =
    "{{ bos_token }}{% if tools is defined %}T{% endif %}{{ strftime_now('%Y') | length }}" +
    '{% for m in messages %}[{{ m.role }}]{{ m.content }}{{ eos_token }}{% endfor %}' +
    '{% if add_generation_prompt %}[assistant]{% endif %}{{ enable_thinking }}'
  const text = await withRenderer(template, (renderer) =>
    renderer.render([user], { enable_thinking: false }),
  )
  assert.equal(text, '<s>4[user]hi</s>[assistant]false')
})

test('TemplateRenderer lets no variable replace what the model says', async () => {
  const text = await withRenderer('{{ bos_token }}', (renderer) =>
    renderer.render([user], { bos_token: 'evil' }),
  )
  assert.equal(text, '<s>')
})

test('TemplateRenderer reports what the template refuses', async () => {
  const template = "{{ raise_exception('roles must alternate') }}"
  await withRenderer(template, async (renderer) => {
    await assert.rejects(renderer.render([user]), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'TEMPLATE_FAILED')
      assert.match(error.message, /roles must alternate/)
      return true
    })
  })
  await withRenderer('{% for %}', async (renderer) => {
    await assert.rejects(renderer.render([user]), { code: 'TEMPLATE_FAILED' })
  })
})

const ENDLESS =
  "{% if messages[0].content == 'loop' %}{% for a in range(100000) %}{% for b in range(100000) %}" +
  '{% endfor %}{% endfor %}{% endif %}ok'

test('TemplateRenderer ends a template that takes too long and goes on', async () => {
  const render = async (renderer: TemplateRenderer): Promise<void> => {
    await renderer.warmUp()
    const slow = renderer.render([{ role: 'user', content: 'loop' }])
    const next = renderer.render([user])
    await assert.rejects(slow, { code: 'TEMPLATE_FAILED', message: /too long/ })
    assert.equal(await next, 'ok')
  }
  await withRenderer(ENDLESS, render, { budgetMs: 200 })
})

test('TemplateRenderer bounds its output', async () => {
  const template = "{% for a in range(1000) %}{{ 'x' * 10 }}0123456789{% endfor %}"
  await withRenderer(
    template,
    async (renderer) => {
      await assert.rejects(renderer.render([user]), { code: 'TEMPLATE_FAILED' })
    },
    { maxBytes: 500 },
  )
})

test('TemplateRenderer survives a template that eats memory', async () => {
  const template =
    "{% if messages[0].content == 'eat' %}{% set ns = namespace(l=[[1]]) %}" +
    '{% for a in range(64) %}{% set ns.l = ns.l + ns.l %}{% endfor %}{% endif %}ok'
  await withRenderer(template, async (renderer) => {
    assert.equal(await renderer.render([user]), 'ok')
    await assert.rejects(renderer.render([{ role: 'user', content: 'eat' }]), {
      code: 'TEMPLATE_FAILED',
    })
    assert.equal(await renderer.render([user]), 'ok')
  })
})

test('TemplateRenderer falls back to ChatML', async () => {
  const text = await withRenderer(null, (renderer) => renderer.render([user]))
  assert.equal(text, '<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n')
})
