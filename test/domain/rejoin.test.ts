import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SputnikError } from '../../src/base/errors.js'
import { Rejoin } from '../../src/domain/rejoin.js'

/** Delays in seconds of lives that end one after the other. */
function delaysOf(lives: readonly { lifeMs?: number; error?: SputnikError }[]): number[] {
  const rejoin = new Rejoin()
  let now = 0
  return lives.map(({ lifeMs = 0, error }) => {
    if (lifeMs > 0) rejoin.ready(now)
    now += lifeMs
    return rejoin.ended(error, now) / 1000
  })
}

const times = <T>(count: number, life: T): T[] => Array.from({ length: count }, () => life)
const away = { error: new SputnikError('PEER_UNREACHABLE', 'nobody is there') }

test('a domain whose head is away comes back later each time, and within 10 s of it', () => {
  assert.deepEqual(delaysOf(times(7, away)), [1, 2, 4, 8, 10, 10, 10])
  assert.deepEqual(
    delaysOf([...times(4, away), { ...away, lifeMs: 60_000 }, away]).slice(4),
    [1, 1],
  )
})

test('a domain whose head still reads its model comes back soon, however often that was', () => {
  const error = new SputnikError('HEAD_NOT_READY', 'not yet')
  assert.deepEqual(delaysOf(times(20, { error })), [1, ...times(19, 2)])
})

test('a domain that is kept out comes back no later than it may', () => {
  const keptOut = (seconds: number) => {
    return { error: new SputnikError('NODE_KEPT_OUT', 'lost too often', { seconds }) }
  }
  assert.deepEqual(delaysOf([keptOut(9), keptOut(7), keptOut(4), keptOut(1)]), [1, 2, 4, 1])
  // Somebody may pardon it meanwhile.
  assert.equal(delaysOf(times(9, keptOut(600))).at(-1), 10)
  const silent = { error: new SputnikError('NODE_KEPT_OUT', 'for a while') }
  assert.deepEqual(delaysOf(times(3, silent)), [1, 2, 4])
})
