/** What `sputnik fleet` prints, from what a server might say. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatExperts } from '../../src/cli/fleet-heat.js'
import { type FleetRates, ratesBetween } from '../../src/cli/fleet-rates.js'
import type { ExpertsAnswer } from '../../src/cli/fleet-schema.js'
import { formatFleet, formatTop } from '../../src/cli/fleet-table.js'
import { formatBar, formatDuration, MoveProgress } from '../../src/cli/move-progress.js'
import { domainOf, eventOf } from './fleet-support.js'

const ENDLESS = Number.POSITIVE_INFINITY

const fleet = eventOf({
  address: '10.0.0.1:10458',
  toMove: 25,
  moving: 8,
  short: 3,
  domains: [
    domainOf({
      pages: 60,
      tierBytes: { device: 3 * 2 ** 30, host: 1 << 29, disk: 1 << 20 },
      roundTripMs: 0.213,
      replyMs: { p50: 0.84, p99: 13.2 },
      hedges: 12,
      late: 9,
      losses: 1,
      address: '10.0.0.7:40000',
    }),
    domainOf({ id: 2, name: 'lap', state: 'lost', devices: [], losses: 3, keptOutMs: 31_500 }),
  ],
  totals: { domains: 2, ready: 1, pages: 60, pageBytes: 0 },
  events: [
    { seq: 4, atMs: at(12, 5, 9), kind: 'lost', domain: 2, name: 'lap', text: 'its lease ended' },
    { seq: 5, atMs: at(12, 5, 9), kind: 'kept-out', domain: 2, name: 'lap', text: 'for 30 s' },
    { seq: 6, atMs: at(12, 5, 11), kind: 'moved', domain: null, name: '', text: 'epoch 7' },
  ],
})

function at(hours: number, minutes: number, seconds: number): number {
  return new Date(2026, 0, 1, hours, minutes, seconds).getTime()
}

test('formatTop shows states, tiers, rates, replies, what moves and what happened', () => {
  const rates: FleetRates = new Map([[1, { calls: 1234.4, sent: 4 << 20, received: 3 << 20 }]])
  const progress = new MoveProgress()
  progress.note(100, 0)
  progress.note(25, 30_000)
  assert.equal(
    formatTop({ fleet, rates, progress }, ENDLESS),
    `\
id  name   state               cards  pages  holds                                           calls/s  sent/s    received/s  reply p50  p99    round trip  hedges  late  losses
1   attic  ready               cuda0  60     3.00 GiB device + 512 MiB host + 1.00 MiB disk  1234     4.00 MiB  3.00 MiB    0.84 ms    13 ms  0.21 ms     12      9     1
2   lap    lost, out for 32 s  -      0      -                                               0        0 B       0 B         -          -      -           0       0     3

1 of 2 domains ready, epoch 7; domains join at 10.0.0.1:10458
100 pages (100 MiB), 2 holders each: 25 to move, 8 on their way, 3 short, 0 held by nobody
[##################------] 75 % moved, about 10 s left

at        who      what
12:05:11  -        moved     epoch 7
12:05:09  lap (2)  kept-out  for 30 s
12:05:09  lap (2)  lost      its lease ended`,
  )
})

test('formatTop leaves out what matters least where lines are short', () => {
  const lines = formatTop({ fleet, rates: new Map(), progress: new MoveProgress() }, 80).split('\n')
  assert.deepEqual(lines.slice(0, 3), [
    'id  name   state               pages  calls/s  reply p50  p99',
    '1   attic  ready               60     0        0.84 ms    13 ms',
    '2   lap    lost, out for 32 s  0      0        -          -',
  ])
})

test('formatFleet fits a narrow terminal and tells that nobody can join', () => {
  const quiet = eventOf({ replicas: 1, domains: [domainOf()] })
  assert.equal(
    formatFleet(quiet, 40),
    `\
id  name   state  pages  reply p50  p99
1   attic  ready  0      -          -

0 of 0 domains ready, epoch 7; domains cannot join
100 pages (100 MiB), 1 holder each: 0 to move, 0 on their way, 0 short, 0 held by nobody`,
  )
})

test('ratesBetween divides by the time in which it changed and spares who is new', () => {
  const event = (more: Parameters<typeof domainOf>[0] = {}) =>
    eventOf({ domains: [domainOf(more)] })
  const after = event({ expertCalls: 30, bytesSent: 110, bytesReceived: 20 })
  assert.deepEqual(ratesBetween(event(), after).get(1), { calls: 40, sent: 20, received: 0 })
  assert.equal(ratesBetween(event(), event({ nodeId: 'b' })).get(1), undefined)
  assert.equal(ratesBetween(event(), { ...after, intervalMs: 0 }).size, 0)
})

test('MoveProgress begins anew when more is to move', () => {
  const progress = new MoveProgress()
  progress.note(40, 0)
  assert.deepEqual([progress.share, progress.leftMs], [0, undefined])
  progress.note(10, 3_000)
  assert.deepEqual([progress.share, progress.leftMs], [0.75, 1_000])
  progress.note(50, 4_000)
  assert.deepEqual([progress.share, progress.leftMs], [0, undefined])
  progress.note(0, 9_000)
  assert.deepEqual([progress.share, progress.leftMs], [1, 0])
  progress.note(8, 10_000)
  progress.note(6, 11_000)
  assert.deepEqual([progress.share, progress.leftMs], [0.25, 3_000])
})

test('formatBar and formatDuration', () => {
  const bars = [0, 0.5, 1].map(formatBar)
  assert.deepEqual(bars, [
    `[${'-'.repeat(24)}]`,
    '[############------------]',
    `[${'#'.repeat(24)}]`,
  ])
  const times = [0, 1, 99_000, 100_000, 5_940_000, 6_000_000, 90_000_000].map(formatDuration)
  assert.deepEqual(times, ['0 s', '1 s', '99 s', '2 min', '99 min', '1 h 40 min', '25 h 0 min'])
})

const experts: ExpertsAnswer = {
  epoch: 1,
  domains: [{ id: 3, name: 'attic' }],
  layers: [
    {
      layer: 5,
      group: 'ch',
      calls: Array.from({ length: 256 }, (_, expert) => (expert < 64 ? 4 : expert < 128 ? 1 : 0)),
      holders: Array.from({ length: 256 }, (_, expert) => (expert === 255 ? [] : [3])),
      tiers: Array.from({ length: 256 }, (_, expert) => (expert === 255 ? '' : 'd')),
    },
  ],
}

test('formatExperts folds experts to the width', () => {
  const text = formatExperts(experts, 60).split('\n')
  const map = text.slice(4, 6)
  assert.deepEqual(map, [
    'layer  256 experts, 7 in each place           max/mean  dead',
    '5ch    ▇▇▇▇▇▇▇▇▇▄▄▄▄▄▄▄▄▄▁·················x  3.20      128',
  ])
  assert.ok(map.every((line) => line.length <= 60))
})

test('formatExperts says that nothing was called', () => {
  const quiet = experts.layers.map((layer) => ({ ...layer, calls: layer.calls.map(() => 0) }))
  const text = formatExperts({ ...experts, layers: quiet }, ENDLESS)
  assert.match(text, /\nno expert was called yet\nholders {3}experts 1 with none, 255 with 1$/)
  assert.equal(formatExperts({ ...experts, layers: [] }, ENDLESS), 'no experts')
})
