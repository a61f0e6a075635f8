import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Prng } from '../../../src/base/prng.js'
import { FluidNetwork } from '../../../src/sim/moe/fluid.js'
import type { Message } from '../../../src/sim/moe/network.js'
import { allToAll, incast, permutation } from '../../../src/sim/moe/patterns.js'
import { fluidStar } from '../../../src/sim/moe/star.js'

const PAYLOAD = 1000
const HEADER = 64

function star(hosts: number): FluidNetwork {
  const hostBytesPerSecond = new Array<number>(hosts).fill(1e9)
  return fluidStar({ hostBytesPerSecond, latencyS: 1e-6, payloadBytes: PAYLOAD })
}

function arrivals(network: FluidNetwork, messages: readonly Message[]): number[] {
  const times: number[] = []
  for (const message of messages) network.send(message, () => times.push(network.nowS))
  network.run()
  return times
}

function near(actual: number, expected: number): void {
  assert.ok(Math.abs(actual / expected - 1) < 1e-3, `${actual} is not ${expected}`)
}

test('an incast ends when the receiver link has carried all of it', () => {
  const times = arrivals(star(11), incast(10, 100_000))
  assert.equal(times.length, 10)
  for (const time of times) near(time, (10 * 106_400) / 1e9 + 1e-6 + 1064 / 1e9)
})

test('a permutation runs at the rate of the links', () => {
  const times = arrivals(star(64), permutation(64, 1e6, Prng.fromSeed(5)))
  for (const time of times) near(time, 1.064e6 / 1e9 + 1e-6 + 1064 / 1e9)
})

test('all-to-all takes what one host sends', () => {
  const times = arrivals(star(16), allToAll(16, 10_000))
  near(Math.max(...times), (15 * 10_640) / 1e9 + 1e-6 + 1064 / 1e9)
})

test('flows on a parking lot get the max-min fair shares', () => {
  // One flow crosses all three links, each carries one more, and the middle one is half as fast.
  const routes = [[0, 1, 2], [0], [1], [2]]
  const network = new FluidNetwork({
    capacities: [100, 50, 100],
    route: (from) => routes[from] ?? [],
    wireBytes: (bytes) => bytes,
    pathS: () => 0,
  })
  const messages = [25, 75, 25, 75].map((bytes, from) => ({ from, to: 9, bytes }))
  for (const time of arrivals(network, messages)) near(time, 1)
})

test('no link carries more than it can, and none that has work to do idles', () => {
  const flow = fc.record({
    from: fc.nat({ max: 5 }),
    to: fc.nat({ max: 5 }),
    bytes: fc.integer({ min: 1, max: 1e6 }),
  })
  fc.assert(
    fc.property(fc.array(flow, { minLength: 1, maxLength: 30 }), (flows) => {
      const messages = flows.filter(({ from, to }) => from !== to)
      fc.pre(messages.length > 0)
      const last = Math.max(...arrivals(star(6), messages))
      const wire = (bytes: number): number => bytes + HEADER * Math.ceil(bytes / PAYLOAD)
      const loads = [0, 1, 2, 3, 4, 5].flatMap((host) => [
        messages.reduce((sum, { from, bytes }) => sum + (from === host ? wire(bytes) : 0), 0),
        messages.reduce((sum, { to, bytes }) => sum + (to === host ? wire(bytes) : 0), 0),
      ])
      const busiest = Math.max(...loads) / 1e9
      const all = messages.reduce((sum, { bytes }) => sum + wire(bytes), 0) / 1e9
      assert.ok(last >= busiest * (1 - 1e-3), `${last} < ${busiest}`)
      assert.ok(last <= all * (1 + 1e-3) + 3e-6, `${last} > ${all}`)
    }),
  )
})

test('timers and arrivals come in the order of their time', () => {
  const network = star(3)
  const order: string[] = []
  network.after(2e-3, () => order.push('late'))
  network.after(0, () => order.push('now'))
  network.send({ from: 0, to: 1, bytes: 1e6 }, () => {
    order.push('first')
    network.send({ from: 1, to: 0, bytes: 100 }, () => order.push('answer'))
  })
  network.run()
  assert.deepEqual(order, ['now', 'first', 'answer', 'late'])
})

test('in turn, the first message arrives as if it were alone, the last as if all shared', () => {
  const messages = [1, 2, 3, 4].map((to) => ({ from: 0, to, bytes: 250_000 }))
  const hostBytesPerSecond = new Array<number>(5).fill(1e9)
  const options = { hostBytesPerSecond, latencyS: 1e-6, payloadBytes: PAYLOAD }
  const times = arrivals(fluidStar({ ...options, isInTurn: true }), messages)
  const shared = arrivals(fluidStar(options), messages)
  times.forEach((time, at) => {
    near(time, ((at + 1) * 266_000) / 1e9 + 1e-6 + 1064 / 1e9)
  })
  near(Math.max(...times), Math.max(...shared))
})

test('in turn, a slow receiver holds nobody up', () => {
  const hostBytesPerSecond = [1e9, 1e8, 1e9]
  const network = fluidStar({ hostBytesPerSecond, latencyS: 0, payloadBytes: 1000, isInTurn: true })
  const messages = [1, 2].map((to) => ({ from: 0, to, bytes: 90_000 }))
  const [fast = 0, slow = 0] = arrivals(network, messages)
  near(slow, 95_760 / 1e8 + 1064 / 1e8)
  near(fast, 95_760 / 0.9e9 + 1064 / 1e9)
})
