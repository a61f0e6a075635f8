import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { planCommand } from '../../src/cli/plan.js'
import { PLAN_VERSION, type Plan } from '../../src/plan/report/plan.js'
import type { SearchReport } from '../../src/plan/report/search-report.js'
import { importedFrom } from '../support/imported-from.js'

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
const FOLDER = mkdtempSync(join(tmpdir(), 'sputnik-plan-'))
after(() => rmSync(FOLDER, { recursive: true }))

/** In this process, as far as it succeeds. */
function plan(...args: readonly string[]): { out: string; err: string } {
  const written = { out: '', err: '' }
  const { stdout, stderr } = process
  const streams = [
    { stream: stdout, write: stdout.write, name: 'out' },
    { stream: stderr, write: stderr.write, name: 'err' },
  ] as const
  for (const { stream, name } of streams) {
    stream.write = (text) => {
      written[name] += text
      return true
    }
  }
  try {
    planCommand().exitOverride().parse(args, { from: 'user' })
  } finally {
    for (const { stream, write } of streams) stream.write = write
  }
  return written
}

/** As a user calls it. */
function spawned(...args: readonly string[]) {
  const { stdout, stderr, status } = spawnSync(process.execPath, [MAIN, 'plan', ...args])
  return { out: String(stdout), err: String(stderr), status }
}

const FLEET = ['qwen3-30b-a3b', '--weights', 'q4_K', '--fleet', 'four-gaming-pcs']

function file(name: string, text: string): string {
  const path = join(FOLDER, name)
  writeFileSync(path, text)
  return path
}

test('plan answers first, and says no where the fleet loses', () => {
  const { out, err, status } = spawned(...FLEET)
  assert.equal(err, '')
  assert.equal(status, 0)
  assert.match(out, /^Qwen3-30B-A3B on four gaming PCs\nWorkload chat.*\n\n(NO|YES|YES AND NO): /)
  assert.match(out, /^NO against GB200 NVL72 when it is always full: \$/m)
  assert.ok(out.split('\n').length < 80, 'two screens')
  assert.match(plan(...FLEET, '--full').out, /^fleet file +economics\.residual: 15 %$/m)
})

test('plan --json prints the whole plan, with what the options change', () => {
  const changes = ['--nic', '100 Gbit/s', '--replicas', '2', '--power-price', '0.1 USD/kWh']
  const work = ['--batch', '1,8', '--context', '3000', '--output', '1000', '--utilisation', '1']
  const limits = ['--target-tpot', '50ms', '--target-ttft', '1 s', '--price', '0.1/2 USD/Mtok']
  const { out, err } = plan(...FLEET, '--json', ...changes, ...work, ...limits)
  assert.equal(err, '')
  const found = JSON.parse(out) as Plan
  assert.ok(found.fits)
  assert.equal(found.version, PLAN_VERSION)
  assert.equal(found.fleet.replicas, 2)
  const { workload, cost, assumed, speed } = found
  assert.deepEqual(
    [workload.promptTokens, workload.outputTokens, workload.tpotS, workload.ttftS],
    [2000, 1000, 0.05, 1],
  )
  assert.deepEqual(workload.batches, [1, 8])
  assert.ok([1, 8].every((batch) => speed.batches.some((one) => one.batch === batch)))
  assert.deepEqual(cost.margin?.prices, { inputUsd: 0.1, cachedInputUsd: 0.1, outputUsd: 2 })
  assert.equal(
    assumed.some(({ field }) => field === 'power'),
    false,
  )
})

test('plan --html writes one page, --markdown prints tables', () => {
  const path = join(FOLDER, 'plan.html')
  const { out, err } = plan(...FLEET, '--markdown', '--html', path)
  assert.equal(err, `wrote ${path}\n`)
  assert.match(out, /^# Qwen3-30B-A3B on four gaming PCs$/m)
  assert.match(readFileSync(path, 'utf8'), /^<!DOCTYPE html>[\s\S]*<svg /)
})

test('plan compares with a fleet file and with a rack on other terms', () => {
  const vs = ['--vs', 'rented-4090s,8xh100', '--vs-terms', 'hyperscaler', '--json']
  const found = JSON.parse(plan(...FLEET, ...vs).out) as Plan
  assert.ok(found.fits)
  const names = found.alternatives.map(({ id, hourUsd }) => [id, Number(hourUsd.toFixed(2))])
  assert.deepEqual(names, [
    ['rented-4090s', 6.8],
    ['8xh100', 10.4],
  ])
})

test('plan takes a rack as the fleet, and compares with nothing where none is wanted', () => {
  const { out } = plan('gpt-oss-20b', '--fleet', '8xh100', '--vs', 'none')
  assert.match(out, /^YES: It fits and keeps the limits\.$/m)
  assert.doesNotMatch(out, /Against others/)
})

test('plan --search finds a fleet for the money', () => {
  const goal = ['--search', '--budget', '5000USD', '--cards', 'rtx-3090']
  const { out, err } = plan('gpt-oss-20b', ...goal, '--json')
  assert.match(err, /^searching fleets 0 %$/m)
  const { best, front, plan: planned } = JSON.parse(out) as SearchReport
  assert.ok(best !== undefined && best.upfrontUsd <= 5000)
  assert.ok(front.some(({ name }) => name === best.name))
  assert.equal(planned?.fits, true)
})

test('plan --search for a speed by cards that are rented', () => {
  const goal = ['--search', '--target-tps', '100', '--rented', '--cards', 'rtx-3090,rtx-4090']
  const { out } = plan('gpt-oss-20b', ...goal, '--nic', '25 Gbit/s', '--json')
  const { best } = JSON.parse(out) as SearchReport
  assert.ok(best !== undefined && best.outputTokensPerSecond >= 100)
  assert.equal(best.upfrontUsd, 0)
})

test('what does not fit is an answer, not an error', () => {
  const tiny = file(
    'tiny.yaml',
    'name: tiny\nhead: { cards: [rtx-3090], nic: 1 Gbit/s, ram: 8 GB, disk: 0 GB }\nowned: true\n',
  )
  const { out } = plan('deepseek-v3', '--fleet', tiny)
  assert.match(out, /^NO: The model does not fit\.$/m)
})

test('what is wrong is told as everywhere, with a remedy', () => {
  const { out, err, status } = spawned(...FLEET, '--nic', '25')
  assert.equal(out, '')
  assert.match(err, /^USAGE {2}.*--nic.* is "25" without a unit.*\nfix: See --help\.\n$/)
  assert.equal(status, 2)
  const unknown = spawned('deepseek-v9', '--fleet', 'four-gaming-pcs')
  assert.match(unknown.err, /^MODEL_UNKNOWN {2}.*\nfix: .*deepseek-v3/)
  assert.equal(unknown.status, 3)
})

test('plan loads no native library, not even indirectly', () => {
  const files = importedFrom('src/cli/plan.ts')
  assert.ok(files.includes('src/plan/cost/estimate.ts'))
  assert.deepEqual(
    files.filter((path) => path.startsWith('src/native/')),
    [],
  )
})
