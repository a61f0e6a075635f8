import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openLinkTrips, openNetTrips } from '../../bench/round-trips.js'
import { takeTurns } from '../../bench/support.js'
import { HAS_SHARED_MEMORY } from '../../src/native/shared-memory.js'

const SIZES = { outBytes: 4176, backBytes: 4116 }

test('openNetTrips measures trips through another process', async () => {
  const trips = await openNetTrips(SIZES)
  assert.ok((await trips.measure(5)) > 0)
  assert.ok((await trips.measure(5)) > 0)
  trips.close()
})

for (const hasSharedMemory of HAS_SHARED_MEMORY ? [false, true] : [false]) {
  test(`openLinkTrips measures trips, shared memory: ${hasSharedMemory}`, async () => {
    const trips = openLinkTrips({ ...SIZES, spinUs: 200, hasSharedMemory })
    assert.ok((await trips.measure(5)) > 0)
    assert.ok((await trips.measure(5)) > 0)
    trips.close()
  })
}

test('takeTurns runs all in each round and leaves out the first', async () => {
  const calls: string[] = []
  const contender = (name: string) => ({
    name,
    run: (round: number) => {
      calls.push(`${name}${round}`)
      return round
    },
  })
  const series = await takeTurns([contender('a'), contender('b')], 2)
  assert.deepEqual(calls, ['a0', 'b0', 'a1', 'b1', 'a2', 'b2'])
  assert.deepEqual(series, [
    { name: 'a', values: [1, 2] },
    { name: 'b', values: [1, 2] },
  ])
})
