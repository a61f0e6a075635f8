import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Routes } from '../../../src/sim/net/routes.js'
import {
  fatTree,
  leafSpine,
  parkingLot,
  star,
  type Topology,
} from '../../../src/sim/net/topology.js'

const terms = { bytesPerSecond: 1e9, propagationS: 1e-6 }

const topologies: fc.Arbitrary<Topology> = fc.oneof(
  fc.integer({ min: 2, max: 20 }).map((hosts) => star({ hosts, ...terms })),
  fc
    .record({
      leaves: fc.integer({ min: 2, max: 5 }),
      spines: fc.integer({ min: 1, max: 4 }),
      hostsPerLeaf: fc.integer({ min: 1, max: 4 }),
    })
    .map((sizes) => leafSpine({ ...sizes, ...terms })),
  fc.constantFrom(2, 4, 6).map((k) => fatTree({ k, ...terms })),
  fc.integer({ min: 1, max: 5 }).map((segments) => parkingLot({ segments, ...terms })),
)

/** Nodes from one host to another, both included. */
function walk(topology: Topology, routes: Routes, ends: readonly [number, number], path: number) {
  const [source, destination] = ends
  const nodes = [source]
  let port = routes.nicOf(source)
  while (nodes.length <= topology.switches + 2) {
    const link = topology.links[port >> 1]
    assert.ok(link !== undefined, `port ${port} exists`)
    const [from, to] = port % 2 === 0 ? [link.a, link.b] : [link.b, link.a]
    assert.equal(from, nodes.at(-1))
    nodes.push(to)
    if (to === destination) return nodes
    assert.ok(to >= topology.hosts, 'no path leads through a host')
    port = routes.portOf(to, destination, path)
  }
  return assert.fail('a path goes round')
}

test('every path number leads from any host to any other, all in as many hops', () => {
  fc.assert(
    fc.property(topologies, fc.nat(), fc.nat(), (topology, from, by) => {
      const routes = new Routes(topology)
      const source = from % topology.hosts
      const destination = (source + 1 + (by % (topology.hosts - 1))) % topology.hosts
      const found = Array.from({ length: routes.paths }, (_, path) =>
        walk(topology, routes, [source, destination], path),
      )
      assert.equal(new Set(found.map((nodes) => nodes.length)).size, 1)
    }),
    { seed: 8, numRuns: 100 },
  )
})

test('path numbers between pods of a fat-tree are all different paths', () => {
  for (const k of [4, 6]) {
    const topology = fatTree({ k, ...terms })
    const routes = new Routes(topology)
    const paths = Array.from({ length: routes.paths }, (_, path) =>
      walk(topology, routes, [0, topology.hosts - 1], path).join(),
    )
    assert.equal(new Set(paths).size, (k / 2) ** 2)
  }
})
