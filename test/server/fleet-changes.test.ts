/** Changing a fleet and looking at its experts over HTTP: a real server, a fake engine. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ExpertsView } from '../../src/engine/protocol.js'
import { FleetChanges } from '../../src/server/fleet-changes.js'
import { Recent } from '../../src/server/recent.js'
import { call, type Harness, type HarnessOptions, startHarness, until } from './harness.js'

const ATTIC = '/v1/fleet/domains/attic'

function startFleet(options: HarnessOptions = {}): Promise<Harness> {
  return startHarness({ ...options, config: { fleetListen: '10.0.0.1:10458' } })
}

async function stateOf(harness: Harness): Promise<string | undefined> {
  const { text } = await call(harness.url, '/v1/fleet')
  return JSON.parse(text).domains[1]?.state
}

test('a node drains, is pardoned, is evicted', async () => {
  await using harness = await startFleet({ env: { FAKE_FLEET: 'stuck' } })
  const drained = await call(harness.url, `${ATTIC}/drain`, { method: 'POST' })
  assert.equal(drained.status, 202)
  assert.equal(drained.text, '{"action":"drain","node":"attic"}')
  assert.equal(await stateOf(harness), 'draining')
  const pardoned = await call(harness.url, '/v1/fleet/domains/1/pardon', { method: 'POST' })
  assert.equal(pardoned.status, 200)
  assert.equal(await stateOf(harness), 'loading')
  const path = '/v1/fleet/domains/n0de1-n0de2-n0de3-n0de4'
  assert.equal((await call(harness.url, path, { method: 'DELETE' })).status, 200)
  assert.equal(await stateOf(harness), undefined)
})

test('what is wrong with a change has its own error', async () => {
  await using harness = await startFleet({ env: { FAKE_FLEET: 'twins' } })
  for (const [method, path, status, code] of [
    ['POST', '/v1/fleet/domains/cellar/drain', 404, 'node_unknown'],
    ['POST', '/v1/fleet/domains/%zz/drain', 404, 'node_unknown'],
    ['POST', `/v1/fleet/domains/${'x'.repeat(200)}/drain`, 404, 'node_unknown'],
    ['POST', '/v1/fleet/domains/%00%1b/drain', 404, 'node_unknown'],
    ['DELETE', ATTIC, 409, 'node_ambiguous'],
    ['DELETE', '/v1/fleet/domains/head', 409, 'node_own'],
    ['POST', '/v1/fleet/domains/1/pardon', 409, 'node_not_out'],
    ['GET', ATTIC, 405, 'method_not_allowed'],
    ['DELETE', `${ATTIC}/drain`, 405, 'method_not_allowed'],
    ['POST', `${ATTIC}/explode`, 405, 'method_not_allowed'],
  ] as const) {
    const answer = await call(harness.url, path, { method })
    assert.deepEqual([answer.status, answer.json.error.code], [status, code], `${method} ${path}`)
  }
})

test('a fleet is changed with a key only, where there are keys', async () => {
  await using harness = await startFleet({ apiKeys: ['sesame'] })
  const headers = { authorization: 'Bearer sesame' }
  const paths = [
    ['POST', `${ATTIC}/drain`],
    ['POST', `${ATTIC}/pardon`],
    ['DELETE', ATTIC],
  ] as const
  for (const [method, path] of paths) {
    assert.equal((await call(harness.url, path, { method })).status, 401)
  }
  const { domains } = JSON.parse((await call(harness.url, '/v1/fleet', { headers })).text)
  assert.equal(domains[1].state, 'loading')
  for (const [method, path] of paths) {
    assert.ok((await call(harness.url, path, { method, headers })).status < 300)
  }
})

test('web pages of other hosts change nothing', async () => {
  await using harness = await startFleet()
  const headers = { origin: 'https://evil.example' }
  const answer = await call(harness.url, ATTIC, { method: 'DELETE', headers })
  assert.equal(answer.status, 403)
  assert.equal(await stateOf(harness), 'loading')
})

test('a head without a fleet changes nothing and says so', async () => {
  await using harness = await startHarness()
  const answer = await call(harness.url, ATTIC, { method: 'DELETE' })
  assert.equal(answer.json.error.code, 'fleet_off')
})

test('at most 16 changes are with the engine', async () => {
  await using harness = await startFleet()
  let refused = 0
  const silent = Array.from({ length: 20 }, () =>
    call(harness.url, '/v1/fleet/domains/silence', { method: 'DELETE' }).then(
      ({ json }) => {
        if (json.error.code === 'fleet_busy') refused++
      },
      () => {},
    ),
  )
  await until(() => refused === 4)
  assert.equal((await call(harness.url, ATTIC, { method: 'DELETE' })).status, 429)
  harness.engine.kill()
  await Promise.all(silent)
  await until(async () => (await call(harness.url, ATTIC, { method: 'DELETE' })).status === 200)
})

test('FleetChanges gives a place back when a change fails', async () => {
  const changes = new FleetChanges(1)
  const failing = changes.run(() => Promise.reject(new Error('no')))
  await assert.rejects(
    changes.run(async () => {}),
    { code: 'FLEET_BUSY' },
  )
  await assert.rejects(failing, /no/)
  await changes.run(async () => {})
})

test('GET /v1/fleet/experts answers who holds each expert and its calls', async () => {
  await using harness = await startFleet()
  const answer = await call(harness.url, '/v1/fleet/experts')
  assert.equal(answer.status, 200)
  const view: ExpertsView = JSON.parse(answer.text)
  assert.equal(view.epoch, 3)
  assert.deepEqual(view.domains[1], { id: 1, name: 'attic' })
  const [first, second] = view.layers
  assert.deepEqual(first?.holders[4], [0, 1])
  assert.equal(first?.tiers[4], 'hd')
  assert.deepEqual(second?.holders[7], [])
  assert.deepEqual(second?.tiers, ['d', 'd', 'd', 'h', 'h', 'h', 'h', ''])
  const one = await call(harness.url, '/v1/fleet/experts?layer=1')
  assert.deepEqual(JSON.parse(one.text).layers, [second])
  for (const layer of ['2', '-1', '1.5', 'all', '', '9'.repeat(400)]) {
    const refused = await call(harness.url, `/v1/fleet/experts?layer=${layer}`)
    assert.deepEqual([refused.status, refused.json.error.param], [400, 'layer'], layer)
  }
})

test('Recent asks once for all who ask at once, and again later', async () => {
  let asked = 0
  let now = 0
  const recent = new Recent({
    read: async () => {
      asked++
      await sleep(1)
      if (asked === 2) throw new Error('not now')
      return asked
    },
    ageMs: 10,
    now: () => now,
  })
  assert.deepEqual(await Promise.all([recent.get(), recent.get(), recent.get()]), [1, 1, 1])
  now = 9
  assert.equal(await recent.get(), 1)
  now = 10
  await assert.rejects(recent.get(), /not now/)
  assert.equal(await recent.get(), 3)
})
