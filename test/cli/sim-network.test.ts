import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { TRANSPORT_NAMES } from '../../src/sim/experiment/transports.js'
import { checkPage } from '../chart/check-page.js'
import { findAll } from '../chart/parse-xml.js'
import { importedFrom } from '../support/imported-from.js'
import { file, folder, MAIN, network } from './sim-network-command.js'

type Run = {
  readonly end: string
  readonly eventHash: string
  readonly flows: { readonly finished: number; readonly maxS: number | null }
  readonly bound: { readonly seconds: number }
  readonly transmissions: number
  readonly point?: { readonly value: number }
  readonly books: Readonly<Record<string, number>>
  readonly experiment: { readonly ecn: unknown; readonly seed: number }
}

function runs(...args: readonly string[]): readonly Run[] {
  const { out, err, status } = network(...args, '--json')
  assert.equal(status, 0, err)
  return (JSON.parse(out) as { runs: readonly Run[] }).runs
}

test('one message takes what arithmetic says', () => {
  const [run] = runs('--workload', 'incast:1', '--bytes', '8 MiB', '--transport', 'ndp')
  const packets = 8 * 256
  const seconds = ((packets + 1) * 4160) / 12.5e9 + 2e-6
  assert.ok(Math.abs((run?.flows.maxS ?? 0) / seconds - 1) < 1e-9)
  assert.ok(Math.abs((run?.bound.seconds ?? 0) / seconds - 1) < 1e-9)
})

test('an incast of n takes n S / C at least with every transport, and all bytes are found', () => {
  const found = runs('--compare', TRANSPORT_NAMES.join(','), '--rto', '1ms')
  assert.equal(found.length, TRANSPORT_NAMES.length)
  for (const { flows, bound, books, end } of found) {
    assert.equal(end, 'finished')
    assert.ok(bound.seconds > (16 * 256_000) / 12.5e9)
    assert.ok((flows.maxS ?? 0) >= bound.seconds)
    const { sentBytes, ...places } = books
    assert.equal(
      Object.values(places).reduce((sum, bytes) => sum + bytes, 0),
      sentBytes,
    )
  }
})

test('a run is told as a list that names what was asked', () => {
  const { out, status } = network('--transport', 'ndp')
  assert.equal(status, 0)
  assert.match(out, /^16:1 incast of 256 kB, star of 17 hosts, 100 Gbit\/s, 1 µs a link/)
  assert.match(out, /^flows finished +16 of 16$/m)
  assert.match(out, /^slowest round \/ line rate +1\.0\d\d$/m)
  assert.match(out, /^packets trimmed +\d+$/m)
  assert.match(out, /^event hash +[0-9a-f]{8}$/m)
  assert.match(out, /^bytes on the wire +\d+ sent = \d+ arrived \+ \d+ cut off$/m)
  assert.doesNotMatch(out, /PFC|PARTIAL/)
})

test('several runs are told as a table with a row for each', () => {
  const { out } = network('--compare', 'tcp,ndp', '--sweep', 'senders=2,4,...,10', '--rto', '1ms')
  assert.match(out, /^incast of 256 kB, star/)
  assert.match(out, /^senders +transport +p50 +p99 +max /m)
  for (const senders of [2, 4, 8, 10]) {
    for (const title of ['TCP NewReno', 'NDP']) {
      assert.match(out, new RegExp(`^${senders} +${title} `, 'm'))
    }
  }
})

test('a file says the same as options, and options go before it', () => {
  const path = file(
    'incast.yaml',
    'workload: incast:4\ntransport: dctcp\necn: 40 kB\nrate: 10 Gbit/s\nbytes: 100 kB\n',
  )
  const args = ['--workload', 'incast:4', '--rate', '10Gbit/s', '--bytes', '100kB']
  const [written] = runs(path)
  const [said] = runs(...args, '--transport', 'dctcp', '--ecn', '40kB')
  assert.equal(written?.eventHash, said?.eventHash)
  assert.equal(written?.experiment.ecn, 40_000)
  const [other] = runs(path, '--seed', '7', '--ecn')
  assert.equal(other?.experiment.seed, 7)
  assert.equal(other?.experiment.ecn, true)
})

test('a JSON file may compare, and one transport may be picked from it', () => {
  const path = file('compare.json', '{"compare": ["tcp", "ndp"], "bytes": "8 kB", "trim": "auto"}')
  assert.equal(runs(path).length, 2)
  assert.equal(runs(path, '--transport', 'swift').length, 1)
})

test('--sweep varies any number', () => {
  const found = runs('--sweep', 'buffer=50kB, 1MB', '--transport', 'ndp', '--bytes', '64kB')
  assert.deepEqual(
    found.map(({ point }) => point?.value),
    [50_000, 1_000_000],
  )
})

test('--trace writes samples and flows as CSV and as JSON lines', () => {
  network('--workload', 'incast:3', '--trace', 'x.csv')
  network('--workload', 'incast:3', '--trace', 'x.jsonl')
  const [titles = '', ...rows] = readFileSync(join(folder, 'x.csv'), 'utf8').trim().split('\n')
  const lines = readFileSync(join(folder, 'x.jsonl'), 'utf8').trim().split('\n')
  const records = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  assert.equal(rows.length, records.length)
  assert.equal(records.filter(({ record }) => record === 'flow').length, 3)
  const columns = titles.split(',')
  for (const [i, row] of rows.entries()) {
    const cells = row.split(',')
    assert.equal(cells.length, columns.length)
    for (const [name, value] of Object.entries(records[i] ?? {})) {
      assert.equal(cells[columns.indexOf(name)], String(value), name)
    }
  }
})

test('--html writes one page with charts of queues, completions, rates and the sweep', () => {
  network('--compare', 'tcp,ndp', '--sweep', 'senders=2,4', '--rto', '1ms', '--html', 'x.html')
  const page = readFileSync(join(folder, 'x.html'), 'utf8')
  assert.equal(findAll(checkPage(page), 'svg').length, 5)
  for (const title of ['Queue depth', 'Flow completion', 'Rate', 'By senders']) {
    assert.ok(page.includes(`<h2>${title}</h2>`), title)
  }
})

test('runs of very different lengths are drawn over a logarithm of time', () => {
  const drawn = (...rto: string[]): string => {
    network('--compare', 'tcp,ndp', ...rto, '--html', 'y.html')
    return readFileSync(join(folder, 'y.html'), 'utf8')
  }
  const apart = drawn()
  assert.match(apart, />100 µs<[\s\S]*>100 ms<[\s\S]*>time</)
  assert.match(drawn('--rto', '1ms'), />time \(ms\)</)
})

test('what time leaves unfinished is a partial result', () => {
  const { out, status } = network('--transport', 'ndp', '--until', '200us')
  assert.equal(status, 0)
  assert.match(out, /^PARTIAL RESULT: NDP: time was up, 0\/16 flows$/m)
})

test('SIGINT ends a run with a partial result and status 130', async () => {
  const args = ['--workload', 'all-to-all', '--hosts', '432', '--topology', 'fat-tree']
  const all = [MAIN, 'sim', 'network', ...args, '--compare', 'ndp,tcp', '--json']
  const child = spawn(process.execPath, all, { cwd: folder })
  let out = ''
  child.stdout.on('data', (data: Buffer) => {
    out += String(data)
  })
  const [progress] = (await once(child.stderr, 'data')) as [Buffer]
  assert.match(String(progress), /^simulating NDP \d+ %\n$/)
  child.kill('SIGINT')
  const [status] = (await once(child, 'close')) as [number]
  assert.equal(status, 130)
  const report = JSON.parse(out) as { isComplete: boolean; planned: number; runs: readonly Run[] }
  assert.equal(report.isComplete, false)
  assert.equal(report.planned, 2)
  assert.deepEqual(
    report.runs.map(({ end }) => end),
    ['stopped'],
  )
  assert.ok((report.runs[0]?.transmissions ?? 0) > 0)
})

test('sim network loads no native library, not even indirectly', () => {
  const files = importedFrom('src/cli/sim-network.ts')
  assert.ok(files.includes('src/sim/net/packet-network.ts'))
  assert.deepEqual(
    files.filter((path) => path.startsWith('src/native/')),
    [],
  )
})
