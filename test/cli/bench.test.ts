import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { BenchReport } from '../../src/engine/bench.js'
import { writeDemoModel } from '../support/demo-model.js'
import { scratchDirectory } from '../support/scratch.js'

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
const MODEL = writeDemoModel(join(scratchDirectory(), 'demo.gguf'))

function bench(args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const all = [MAIN, 'bench', ...args, '--threads', '1', '--rounds', '2', '--prompt', '8']
  return spawnSync(process.execPath, [...all, '--generate', '4'], { encoding: 'utf8' })
}

test('bench measures every path and phase as JSON', () => {
  const { status, stdout, stderr } = bench([MODEL, '--cards', '1', '--json'])
  assert.equal(status, 0, stderr)
  const report = JSON.parse(stdout) as BenchReport
  assert.equal(report.cards, 1)
  for (const phase of [report.prefill, report.decode]) {
    assert.deepEqual(
      phase.map(({ name }) => name),
      ['plain', 'local', 'cards'],
    )
    for (const { median, low, ratio } of phase) {
      assert.ok(median > 0 && low > 0 && low <= median && ratio > 0)
    }
    assert.equal(phase[0]?.ratio, 1)
  }
})

test('bench prints a table without cards', () => {
  const { status, stdout, stderr } = bench([MODEL, '--cards', '0'])
  assert.equal(status, 0, stderr)
  assert.match(stdout, /^plain +prefill 8 +[\d.]+ +[\d.]+ +1\.000$/m)
  assert.match(stdout, /^local +decode 4 +[\d.]+ +[\d.]+ +[\d.]+$/m)
  assert.doesNotMatch(stdout, /^cards/m)
})

test('bench reports what its process cannot load', () => {
  const { status, stderr } = bench(['nowhere.gguf'])
  assert.equal(status, 3)
  assert.match(stderr, /^FILE_NOT_FOUND {2}nowhere\.gguf/m)
})
