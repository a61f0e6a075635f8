/**
 * What people may ask of a fleet: drain, evict and pardon a node. Finds out which node is meant and
 * what of it must outlive the head. Knows nothing of pages and links.
 */
import { SputnikError } from '../base/errors.js'
import type { NodeRegistry } from '../fabric/node-registry.js'
import { findNode, type KnownNode } from './find-node.js'

export type FleetAction = 'drain' | 'evict' | 'pardon'

export type ControlledNode = KnownNode & {
  /** Draining, evicted or kept out: there is something to pardon. */
  readonly isOut: boolean
}

/** The fleet of a head as far as people change it. */
export type FleetControl = {
  /** All nodes it knows, cards of its own host and nodes that are not here among them. */
  nodes(): readonly ControlledNode[]
  /** Its pages are to move away; it works until they have. Again it changes nothing. */
  drain(nodeId: string): void
  /** Ends its link now; nothing when it is not here. */
  evict(nodeId: string): void
  /** What was asked for or held against it is so no longer. False when there was nothing. */
  pardon(nodeId: string): boolean
}

/** @throws SputnikError NODE_UNKNOWN, NODE_AMBIGUOUS, NODE_OWN, NODE_AWAY, NODE_NOT_OUT, STATE_ */
export function changeFleet(
  { fleet, registry }: { readonly fleet: FleetControl; readonly registry: NodeRegistry },
  { action, node }: { readonly action: FleetAction; readonly node: string },
): void {
  const isMeant = (one: ControlledNode): boolean =>
    action === 'pardon' ? one.isOut : one.domain !== null
  const found = findNode(knownNodes(fleet, registry), node, isMeant)
  const { nodeId, name } = found
  if (nodeId === null) {
    throw new SputnikError('NODE_OWN', `${name} is a card of the head's own host`)
  }
  if (action === 'drain') drain(fleet, { ...found, nodeId })
  else if (action === 'evict') {
    // Kept first: cut off, the node asks to come in again at once.
    registry.evict(nodeId)
    fleet.evict(nodeId)
  } else pardon({ fleet, registry }, { nodeId, name })
}

function drain(
  fleet: FleetControl,
  { nodeId, name, domain }: KnownNode & { nodeId: string },
): void {
  if (domain === null) throw new SputnikError('NODE_AWAY', `${name} (${nodeId}) is not connected`)
  fleet.drain(nodeId)
}

function pardon(
  { fleet, registry }: { readonly fleet: FleetControl; readonly registry: NodeRegistry },
  node: { readonly nodeId: string; readonly name: string },
): void {
  const wasEvicted = (registry.find(node.nodeId)?.evictedAt ?? null) !== null
  if (wasEvicted) registry.admit(node)
  if (fleet.pardon(node.nodeId) || wasEvicted) return
  const text = `${node.name} (${node.nodeId}) is neither draining nor evicted nor kept out`
  throw new SputnikError('NODE_NOT_OUT', text)
}

/** Those of the fleet, and those that were here before this head began. */
function knownNodes(fleet: FleetControl, registry: NodeRegistry): readonly ControlledNode[] {
  const kept = new Map(registry.list().map((entry) => [entry.nodeId, entry]))
  const present = fleet.nodes().map((node) => {
    const isEvicted = (kept.get(node.nodeId ?? '')?.evictedAt ?? null) !== null
    return { ...node, isOut: node.isOut || isEvicted }
  })
  for (const { nodeId } of present) kept.delete(nodeId ?? '')
  const absent = [...kept.values()].map(({ nodeId, name, evictedAt }) => {
    return { nodeId, name, domain: null, isOut: evictedAt !== null }
  })
  return [...present, ...absent]
}
