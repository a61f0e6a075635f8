import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Link, ReceivedFrame } from '../../src/fabric/link.js'
import { StepLink } from '../../src/fabric/step-link.js'
import { allocateNative } from '../../src/native/memory.js'

/** A frame that comes so many milliseconds after the one before; odd numbers are not for steps. */
type Arrival = { readonly afterMs: number; readonly number: number }

function setUp(arrivals: Arrival[]) {
  const clock = { ms: 0 }
  const waits: number[] = []
  const taken: number[] = []
  const link: Link = {
    bytesSent: 1,
    bytesReceived: 2,
    frame: allocateNative,
    send: () => true,
    close: () => {},
    waits: { fd: 7, isWriting: false, doze: () => true, wake: () => {} },
    poll: () => link.receive(0),
    receive: (timeoutMs) => {
      waits.push(timeoutMs)
      const [next] = arrivals
      if (next === undefined || next.afterMs > timeoutMs) {
        clock.ms += timeoutMs
        return undefined
      }
      arrivals.shift()
      clock.ms += next.afterMs
      const buffer = allocateNative(4)
      buffer.i32[0] = next.number
      return { buffer, bytes: 4 }
    },
  }
  const take = (frame: ReceivedFrame): boolean => {
    const number = numberOf(frame) ?? 0
    if (number % 2 === 0) return false
    taken.push(number)
    return true
  }
  return { waits, taken, clock, link: new StepLink(link, { take, now: () => clock.ms }) }
}

function numberOf(frame: ReceivedFrame | undefined): number | undefined {
  return frame?.buffer.i32[0]
}

test('StepLink gives a step its frames and keeps the others from it', () => {
  const numbers = [1, 3, 2, 4, 5]
  const { link, taken } = setUp(numbers.map((number) => ({ afterMs: 0, number })))
  assert.equal(numberOf(link.receive(10)), 2)
  assert.equal(numberOf(link.receive(10)), 4)
  assert.equal(link.receive(10), undefined)
  assert.deepEqual(taken, [1, 3, 5])
})

test('StepLink waits no longer when other frames come in between', () => {
  const arrivals = [1, 3, 5, 2].map((number) => ({ afterMs: 40, number }))
  const { link, waits, clock } = setUp(arrivals)
  assert.equal(link.receive(100), undefined)
  assert.deepEqual(waits, [100, 60, 20])
  assert.equal(clock.ms, 100)
  assert.equal(numberOf(link.receive(Infinity)), 2)
})

test('StepLink loses no frame of a step when somebody looks at it in between', () => {
  const numbers = [1, 2, 3, 4]
  const { link, taken, waits } = setUp(numbers.map((number) => ({ afterMs: 0, number })))
  assert.equal(link.waits.doze(), true)
  link.peek()
  link.peek()
  assert.deepEqual(taken, [1])
  assert.equal(link.waits.doze(), false)
  assert.equal(link.waits.fd, 7)
  assert.deepEqual(waits, [0, 0])
  assert.equal(numberOf(link.receive(10)), 2)
  assert.equal(numberOf(link.receive(10)), 4)
  link.peek()
  assert.equal(link.receive(0), undefined)
  assert.deepEqual(taken, [1, 3])
})

test('StepLink polls what it holds first, then the frames of steps', () => {
  const numbers = [1, 2, 3, 4]
  const { link, taken } = setUp(numbers.map((number) => ({ afterMs: 0, number })))
  link.peek()
  assert.equal(numberOf(pollOf(link)), 2)
  assert.equal(numberOf(pollOf(link)), 4)
  assert.equal(link.poll(), undefined)
  assert.deepEqual(taken, [1, 3])
})

function pollOf(link: Link): ReceivedFrame | undefined {
  const frame = link.poll()
  return frame === 'gone' ? undefined : frame
}
