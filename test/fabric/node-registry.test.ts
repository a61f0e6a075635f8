import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { NodeRegistry } from '../../src/fabric/node-registry.js'
import { scratchDirectory } from '../support/scratch.js'

const A = 'aaaaa-aaaaa-aaaaa-aaaaa'
const B = 'bbbbb-bbbbb-bbbbb-bbbbb'

function newRegistry() {
  const folder = scratchDirectory()
  const clock = { ms: 100 }
  const open = () => new NodeRegistry(folder, { now: () => clock.ms })
  return { folder, clock, registry: open(), open }
}

test('NodeRegistry remembers nodes across processes', () => {
  const { registry, open, clock } = newRegistry()
  assert.deepEqual(registry.list(), [])
  registry.admit({ nodeId: B, name: 'box' })
  clock.ms = 200
  registry.admit({ nodeId: A, name: 'laptop' })
  const entry = { nodeId: B, name: 'box', admittedAt: 100, evictedAt: null }
  assert.deepEqual(open().find(B), entry)
  assert.deepEqual(
    open()
      .list()
      .map((node) => node.name),
    ['box', 'laptop'],
  )
})

test('NodeRegistry.admit keeps the first time and takes a new name', () => {
  const { registry, clock } = newRegistry()
  registry.admit({ nodeId: A, name: 'old' })
  clock.ms = 300
  assert.deepEqual(registry.admit({ nodeId: A, name: 'new' }), {
    nodeId: A,
    name: 'new',
    admittedAt: 100,
    evictedAt: null,
  })
})

test('NodeRegistry.evict marks a node until it is admitted again', () => {
  const { registry, open, clock } = newRegistry()
  assert.equal(registry.evict(A), false)
  registry.admit({ nodeId: A, name: 'laptop' })
  clock.ms = 400
  assert.equal(registry.evict(A), true)
  assert.equal(open().find(A)?.evictedAt, 400)
  clock.ms = 500
  assert.equal(registry.admit({ nodeId: A, name: 'laptop' }).admittedAt, 500)
  assert.equal(open().find(A)?.evictedAt, null)
})

test('NodeRegistry reads nothing outside its folder and no damaged file', () => {
  const { folder, registry } = newRegistry()
  registry.admit({ nodeId: A, name: 'laptop' })
  assert.equal(registry.find('../identity'), undefined)
  writeFileSync(join(folder, 'nodes', `${A}.json`), '{"nodeId":')
  assert.throws(() => registry.find(A), { code: 'STATE_INVALID' })
})
