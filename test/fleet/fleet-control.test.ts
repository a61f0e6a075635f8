/** Which node people mean, and what drain, evict and pardon make of it, with a real registry. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NodeRegistry } from '../../src/fabric/node-registry.js'
import { findNode } from '../../src/fleet/find-node.js'
import {
  type ControlledNode,
  changeFleet,
  type FleetAction,
  type FleetControl,
} from '../../src/fleet/fleet-control.js'
import { scratchDirectory } from '../support/scratch.js'

const id = (letter: string): string => Array(4).fill(letter.repeat(5)).join('-')

const OLD = id('a')
const NEW = id('b')
const LAP = id('c')

function nodeOf(more: Partial<ControlledNode>): ControlledNode {
  return { nodeId: NEW, name: 'attic', domain: 3, isOut: false, ...more }
}

/** A fleet of `nodes` and what it was asked for. */
function newFleet(nodes: readonly ControlledNode[]) {
  const asked: string[] = []
  const registry = new NodeRegistry(scratchDirectory(), { now: () => 1000 })
  const fleet: FleetControl = {
    nodes: () => nodes,
    drain: (nodeId) => void asked.push(`drain ${nodeId}`),
    evict: (nodeId) => void asked.push(`evict ${nodeId}`),
    pardon: (nodeId) => {
      asked.push(`pardon ${nodeId}`)
      return nodes.some((node) => node.nodeId === nodeId && node.isOut)
    },
  }
  const change = (action: FleetAction, node: string): void =>
    changeFleet({ fleet, registry }, { action, node })
  return { registry, asked, change }
}

test('findNode knows a node by id, by its number and by its name', () => {
  const nodes = [nodeOf({}), nodeOf({ nodeId: LAP, name: 'lap', domain: 12 })]
  for (const wanted of [LAP, 'lap', '12']) assert.equal(findNode(nodes, wanted).nodeId, LAP)
  assert.throws(() => findNode(nodes, 'la'), { code: 'NODE_UNKNOWN' })
  assert.throws(() => findNode(nodes, 'null'), { code: 'NODE_UNKNOWN' })
  assert.throws(() => findNode([nodeOf({ domain: null })], 'null'), { code: 'NODE_UNKNOWN' })
})

test('findNode refuses to guess, unless only one is preferred', () => {
  const nodes = [
    nodeOf({ nodeId: OLD, domain: null }),
    nodeOf({}),
    nodeOf({ nodeId: LAP, name: '3', domain: 12 }),
  ]
  assert.throws(() => findNode(nodes, 'attic'), {
    code: 'NODE_AMBIGUOUS',
    message: `"attic" may be ${OLD}, ${NEW}`,
  })
  assert.throws(() => findNode(nodes, '3'), { code: 'NODE_AMBIGUOUS' })
  assert.equal(findNode(nodes, 'attic', ({ domain }) => domain !== null).nodeId, NEW)
  assert.equal(findNode(nodes, OLD, ({ domain }) => domain !== null).nodeId, OLD)
})

test('drain is for nodes that are here', () => {
  const own = nodeOf({ nodeId: null, name: 'card 0', domain: 0 })
  const { registry, asked, change } = newFleet([own, nodeOf({})])
  registry.admit({ nodeId: OLD, name: 'attic' })
  registry.admit({ nodeId: LAP, name: 'lap' })
  change('drain', 'attic')
  assert.deepEqual(asked, [`drain ${NEW}`])
  assert.throws(() => change('drain', 'lap'), { code: 'NODE_AWAY' })
  assert.throws(() => change('drain', '0'), { code: 'NODE_OWN' })
  assert.throws(() => change('evict', 'card 0'), { code: 'NODE_OWN' })
  assert.equal(asked.length, 1)
})

test('an eviction is kept before the link is cut, also of a node that is away', () => {
  const { registry, asked, change } = newFleet([nodeOf({})])
  for (const [nodeId, name] of [
    [NEW, 'attic'],
    [LAP, 'lap'],
  ] as const) {
    registry.admit({ nodeId, name })
    change('evict', name)
    assert.equal(registry.find(nodeId)?.evictedAt, 1000)
    assert.equal(asked.at(-1), `evict ${nodeId}`)
  }
})

test('a pardon lets an evicted node in again without a key', () => {
  const { registry, change } = newFleet([])
  registry.admit({ nodeId: OLD, name: 'attic' })
  registry.admit({ nodeId: NEW, name: 'attic' })
  registry.evict(NEW)
  change('pardon', 'attic')
  assert.equal(registry.find(NEW)?.evictedAt, null)
  assert.throws(() => change('pardon', NEW), { code: 'NODE_NOT_OUT' })
})

test('a pardon ends what the fleet holds against a node', () => {
  const { asked, change } = newFleet([nodeOf({ isOut: true })])
  change('pardon', '3')
  assert.deepEqual(asked, [`pardon ${NEW}`])
})
