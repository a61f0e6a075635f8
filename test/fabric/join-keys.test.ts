import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { JoinKeys } from '../../src/fabric/join-keys.js'
import { scratchDirectory } from '../support/scratch.js'
import { race } from './race.js'

const PIN = '11'.repeat(32)
const TTL_MS = 60_000
const DAY_MS = 86_400_000

function newStore() {
  const folder = scratchDirectory()
  const clock = { ms: 5_000_000 }
  const now = () => clock.ms
  const keys = new JoinKeys(folder, { now })
  const create = (uses = 1) => keys.create({ pin: PIN, ttlMs: TTL_MS, uses, random: randomBytes })
  return { folder, clock, keys, create, again: () => new JoinKeys(folder, { now }) }
}

test('JoinKeys lets as many nodes in as a key has uses', () => {
  const { keys, create, again } = newStore()
  const key = create(2)
  assert.equal(keys.redeem(key, 'a').usesLeft, 1)
  assert.equal(again().redeem(key, 'b').usesLeft, 0)
  assert.throws(() => keys.redeem(key, 'c'), { code: 'JOIN_KEY_USED' })
  assert.equal(keys.list()[0]?.state, 'used')
})

test('JoinKeys counts one use of a node that asks again', () => {
  const { keys, create } = newStore()
  const key = create(2)
  for (let i = 0; i < 3; i++) keys.redeem(key, 'a')
  assert.equal(keys.list()[0]?.usesLeft, 1)
  keys.redeem(key, 'b')
  keys.redeem(key, 'a')
})

test('JoinKeys.check uses nothing up', () => {
  const { keys, create } = newStore()
  const key = create()
  for (const node of ['a', 'b', 'c']) assert.equal(keys.check(key, node).usesLeft, 1)
})

test('JoinKeys refuses a key from the moment it expires', () => {
  const { keys, create, clock } = newStore()
  const key = create()
  clock.ms += TTL_MS - 1
  keys.check(key, 'a')
  clock.ms += 1
  assert.throws(() => keys.redeem(key, 'a'), { code: 'JOIN_KEY_EXPIRED' })
  assert.equal(keys.list()[0]?.state, 'expired')
})

test('JoinKeys tells who lacks the secret nothing but that', () => {
  const { keys, create, clock } = newStore()
  const key = create()
  const wrong = { id: key.id, secret: randomBytes(18).toString('hex') }
  const foreign = ['0000zzzz', '..', '../..', '', 'u'.repeat(8)]
  const all = [wrong, ...foreign.map((id) => ({ id, secret: key.secret }))]
  const assertUnknown = () => {
    for (const shown of all) {
      assert.throws(() => keys.redeem(shown, 'a'), { code: 'JOIN_KEY_UNKNOWN' })
    }
  }
  assertUnknown()
  keys.redeem(key, 'a')
  assertUnknown()
  clock.ms += TTL_MS
  assertUnknown()
})

test('JoinKeys.revoke makes a key unknown at once, also to other processes', () => {
  const { keys, create, again, folder } = newStore()
  const key = create(3)
  keys.redeem(key, 'a')
  assert.equal(again().revoke(key.id), true)
  assert.throws(() => keys.redeem(key, 'a'), { code: 'JOIN_KEY_UNKNOWN' })
  assert.deepEqual(readdirSync(join(folder, 'join-keys')), [])
  for (const id of [key.id, '../nodes', '']) assert.equal(keys.revoke(id), false)
})

test('JoinKeys keeps no secret', () => {
  const { create, folder } = newStore()
  const { id, secret } = create()
  const text = readFileSync(join(folder, 'join-keys', id, 'key.json'), 'utf8')
  assert.ok(!text.includes(secret))
  assert.ok(!text.includes(Buffer.from(secret, 'hex').toString('base64')))
})

test('JoinKeys.list leaves out keys that are being made', () => {
  const { keys, create, folder } = newStore()
  const { id } = create()
  mkdirSync(join(folder, 'join-keys', '0000abcd'))
  assert.deepEqual(
    keys.list().map((entry) => entry.id),
    [id],
  )
})

test('JoinKeys forgets keys that are long dead', () => {
  const { keys, create, clock } = newStore()
  create()
  clock.ms += TTL_MS + 30 * DAY_MS
  const { id } = create()
  assert.deepEqual(
    keys.list().map((entry) => entry.id),
    [id],
  )
})

test('JoinKeys lets no more nodes in when processes race', async () => {
  const folder = scratchDirectory()
  const keys = new JoinKeys(folder, { now: Date.now })
  const { id, secret } = keys.create({ pin: PIN, ttlMs: DAY_MS, uses: 7, random: randomBytes })
  const admitted = await race(4, (i) => ['redeem', folder, id, secret, String(i * 5)])
  const total = admitted.reduce((sum, count) => sum + Number(count), 0)
  assert.equal(total, 7, admitted.join(' '))
  assert.equal(keys.list()[0]?.usesLeft, 0)
})
