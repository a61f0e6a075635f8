import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Inspection } from '../../src/cli/inspect.js'
import { inspect, inspectCommand } from '../../src/cli/inspect.js'
import { writeDemoModel } from '../support/demo-model.js'
import { testModel } from '../support/models.js'
import { scratchDirectory } from '../support/scratch.js'

test('inspect tells layers, experts and bytes as JSON', () => {
  const path = testModel('deepseek2', { type: 'q8_0', splits: 2 })
  const found = JSON.parse(inspect(path, { json: true })) as Inspection
  assert.equal(found.architecture, 'deepseek2')
  assert.deepEqual(found.layers, { total: 2, dense: 1, moe: 1 })
  assert.deepEqual(found.experts, { perLayer: 8, used: 3, pages: 8 })
  assert.equal(found.files.length, 2)
  const typed = found.types.reduce((sum, type) => sum + type.trunkBytes + type.expertBytes, 0)
  assert.equal(found.trunkBytes + found.expertBytes, typed)
  assert.equal(found.expertBytes, 8 * found.pageBytes.max)
  assert.equal(found.types[0]?.type, 'q8_0')
  assert.equal(found.chatTemplate, false)
})

test('inspect prints a table for people', () => {
  const path = writeDemoModel(join(scratchDirectory(), 'demo.gguf'))
  const text = inspect(path, { json: false })
  assert.match(text, /^architecture +qwen3moe$/m)
  assert.match(text, /^layers +4 \(4 MoE, 0 dense\)$/m)
  assert.match(text, /^experts +16 per layer, 4 used per token$/m)
  assert.match(text, /^chat template +yes$/m)
  assert.match(text, /^q8_0 +\d+/m)
})

test('inspectCommand takes a path and --json', () => {
  const command = inspectCommand()
  assert.equal(command.name(), 'inspect')
  assert.deepEqual(
    command.options.map((option) => option.long),
    ['--json'],
  )
})
