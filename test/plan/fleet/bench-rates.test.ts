import assert from 'node:assert/strict'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { defined } from '../../../src/base/assert.js'
import type { BenchReport } from '../../../src/engine/bench.js'
import { benchRates, readBenchReport } from '../../../src/plan/fleet/bench-rates.js'
import { resolveFleet } from '../../../src/plan/fleet/resolve-fleet.js'
import { findBuiltinModel } from '../../../src/plan/model/builtin.js'
import { activeParameters } from '../../../src/plan/model/sizes.js'

const speeds = (median: number) => [
  { name: 'plain', median, low: median, ratio: 1 },
  { name: 'local', median: median / 2, low: median / 2, ratio: 0.5 },
]

const REPORT: BenchReport = {
  model: 'gone.gguf',
  architecture: 'qwen3moe',
  ...{ cards: 0, threads: 1, cardThreads: 1, wire: 'f32', prompt: 2, generate: 2, rounds: 1 },
  prefill: speeds(1000),
  decode: speeds(100),
}

test('a card reads the active parameters for each token that it decodes', () => {
  const shape = defined(findBuiltinModel('qwen3-30b-a3b'), 'model')
  const rates = benchRates(readBenchReport(REPORT, 'bench.json'), shape)
  // Short prompts: next to nothing in the cache.
  const bytes = 2 * activeParameters(shape) * 100
  assert.ok(Math.abs((rates.bytesPerSecond ?? 0) / bytes - 1) < 1e-3)
  const head = shape.hidden * shape.vocabulary
  const flops = 2 * (activeParameters(shape) - head) * 1000
  assert.ok(Math.abs((rates.flopsPerSecond ?? 0) / flops - 1) < 1e-3)
})

test('a fleet file names the bench of a card beside it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'plan-bench-'))
  const fleetOf = (bench: object) => {
    const cards = [{ card: 'rtx-3090', bench }]
    const path = join(folder, 'fleet.json')
    writeFileSync(path, JSON.stringify({ name: 'x', head: { cards, nic: '1 Gbit/s' } }))
    return resolveFleet(path).fleet.head.cards[0]?.measured
  }
  const write = (report: object): void =>
    writeFileSync(join(folder, 'bench.json'), JSON.stringify(report))
  write(REPORT)
  const named = fleetOf({ file: 'bench.json', model: 'qwen3-30b-a3b' })
  assert.ok(named?.bytesPerSecond !== undefined && named.bytesPerSecond > 1e11)
  assert.throws(() => fleetOf({ file: 'bench.json' }), /gone\.gguf: no such file/)
  assert.throws(() => fleetOf({ file: 'other.json' }), /other\.json: no such file/)
  write({ ...REPORT, model: resolve('models/tiny/sputnik-tiny.gguf') })
  assert.ok(fleetOf({ file: 'bench.json' })?.flopsPerSecond !== undefined)
  write({ ...REPORT, decode: [] })
  assert.throws(() => fleetOf({ file: 'bench.json' }), /bench\.json: decode is \[\]/)
})
