import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { checkPage } from '../chart/check-page.js'
import { findAll } from '../chart/parse-xml.js'
import { scratchDirectory } from '../support/scratch.js'

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
const FOLDER = scratchDirectory()
const FLEET = join(FOLDER, 'fleet.yaml')
writeFileSync(
  FLEET,
  [
    'name: a test',
    'head: { cards: [rtx-5090], nic: 25 Gbit/s, ram: 64 GB }',
    'domains: [{ count: 3, cards: [rtx-4090], nic: 10 Gbit/s, ram: 64 GB }]',
  ].join('\n'),
)
const MODEL = ['qwen3-30b-a3b', '--weights', 'q4_K', '--fleet', FLEET]
const DAY = ['--rate', '0.5/s', '--prompt', 'lognormal:200,0.5', '--output', '32', '--hours', '0.2']

type Ended = { readonly code: number | null; readonly stdout: string; readonly stderr: string }

/** `onError`: told what has come on stderr so far. */
function sim(args: readonly string[], onError = (_: string, __: () => void) => {}): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, 'sim', 'serving', ...args])
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (part) => {
    stdout += part
  })
  child.stderr.on('data', (part) => {
    stderr += part
    onError(stderr, () => child.kill('SIGINT'))
  })
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr })))
}

test('sim serving prints one JSON object, the same for the same seed', async () => {
  const args = [...MODEL, ...DAY, '--json']
  const [first, second, other] = await Promise.all([
    sim(args),
    sim(args),
    sim([...args, '--seed', '2']),
  ])
  assert.equal(first.code, 0, first.stderr)
  assert.equal(first.stdout, second.stdout)
  const report = JSON.parse(first.stdout)
  assert.equal(report.complete, true)
  assert.notEqual(report.eventHash, JSON.parse(other.stdout).eventHash)
  const { arrived, finished, failed, rejected } = report.requests
  assert.equal(arrived, finished + failed + rejected)
  assert.ok(report.latency.ttft.p50 > 0 && report.latency.ttft.p50 <= report.latency.ttft.p99)
  assert.equal(report.utilisation.domains.length, 3)
  assert.ok(report.goodput.share <= 1)
})

test('sim serving writes a trace and a page, with a domain that is lost', async () => {
  const trace = join(FOLDER, 'trace.csv')
  const page = join(FOLDER, 'page.html')
  const faults = ['--replicas', '2', '--fault', 'lost:1@3min+2min']
  const { code, stdout, stderr } = await sim([
    ...[...MODEL, ...DAY, ...faults],
    ...['--trace', trace, '--html', page],
  ])
  assert.equal(code, 0, stderr)
  assert.match(stdout, /first token +[\d.]+/)
  assert.match(stdout, /of pages loaded/)
  assert.doesNotMatch(stdout, /failed|PARTIAL/)
  const lines = readFileSync(trace, 'utf8').trim().split('\n')
  const requests = lines.filter((line) => line.startsWith('request,'))
  assert.match(stdout, new RegExp(`${requests.length} arrived, ${requests.length} finished`))
  const html = readFileSync(page, 'utf8')
  const charts = findAll(checkPage(html), 'svg').map((svg) => svg.attributes.get('aria-label'))
  assert.deepEqual(charts, [
    'How many requests took no longer',
    'Requests at the server',
    'Tokens per second',
    'How busy the head is',
  ])
  assert.match(html, new RegExp(`<td>requests</td><td[^>]*>${requests.length} arrived`))
})

const FULL = '/dev/full'

test('a trace on a full disk ends sim serving', { skip: !existsSync(FULL) }, async () => {
  const trace = join(FOLDER, 'full.jsonl')
  symlinkSync(FULL, trace)
  // Some of it is written at the end, and some before if it is much.
  for (const hours of ['0.02', '2']) {
    const { code, stdout, stderr } = await sim([
      ...MODEL,
      ...DAY,
      '--hours',
      hours,
      '--trace',
      trace,
    ])
    assert.equal(code, 1)
    assert.equal(stdout, '')
    assert.match(stderr, /^OUTPUT_UNWRITABLE {2}\S*full\.jsonl: ENOSPC/m)
  }
})

test('sim serving replays recorded requests', async () => {
  const recorded = join(FOLDER, 'day.csv')
  writeFileSync(recorded, 'arrival_s,prompt_tokens,output_tokens\n1,100,5\n2,50,7\n')
  const args = ['--requests', recorded, '--hours', '0.01', '--warmup', '0s', '--json']
  const { code, stdout, stderr } = await sim([...MODEL, ...args])
  assert.equal(code, 0, stderr)
  assert.equal(JSON.parse(stdout).requests.finished, 2)
})

test('sim serving ends with what there is at SIGINT', async () => {
  // Progress is told after some seconds; then it is under way.
  let isAsked = false
  const args = [...MODEL, '--rate', '1/s', '--output', '64', '--hours', '8000', '--json']
  const { code, stdout } = await sim(args, (_, interrupt) => {
    if (isAsked) return
    isAsked = true
    interrupt()
  })
  assert.equal(code, 130)
  const { complete, simulatedS, window } = JSON.parse(stdout)
  assert.equal(complete, false)
  assert.ok(simulatedS < 8000 * 3600 && window.toS <= simulatedS)
})

test('sim serving names the option and the remedy', async () => {
  const complaints: readonly [readonly string[], RegExp][] = [
    [[...MODEL], /--rate 3\/s/],
    [[...MODEL, '--rate', '3'], /without a unit/],
    [[...MODEL, ...DAY, '--slo-ttft', '0s'], /--slo-ttft.*more than 0/],
    [[...MODEL, ...DAY, '--parallel', '4096'], /lower --parallel or --ctx/],
    [[...MODEL, ...DAY, '--fault', 'lost:3@1min'], /no domain 3; give 0 to 2/],
  ]
  for (const [args, text] of complaints) {
    const { code, stderr } = await sim(args)
    assert.match(stderr, text)
    assert.ok(code !== 0)
  }
})
