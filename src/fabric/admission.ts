/**
 * Who may join a head: nodes it admitted before, and nodes that show a join key. Knows nothing of
 * links and messages.
 */
import { SputnikError } from '../base/errors.js'
import type { Admission, AdmissionRequest } from './handshake.js'
import type { JoinKeys } from './join-keys.js'
import type { NodeEntry, NodeRegistry } from './node-registry.js'

export type AdmissionStores = { readonly keys: JoinKeys; readonly registry: NodeRegistry }

/**
 * A node that was admitted needs no key again, if the link proves who it is. An evicted one comes
 * back only with a key that was made after the eviction.
 */
export function createAdmission({ keys, registry }: AdmissionStores): Admission {
  return {
    check: (request) => {
      const known = registry.find(request.nodeId)
      if (isWelcome(request, known)) return
      const { id, secret } = requireKey(request, known)
      refuseOldKey(known, keys.check({ id, secret }, request.nodeId).createdAt)
    },
    commit: (request) => {
      const known = registry.find(request.nodeId)
      if (!isWelcome(request, known)) keys.redeem(requireKey(request, known), request.nodeId)
      registry.admit(request)
    },
  }
}

/** For nodes that joined before. @throws SputnikError JOIN_KEY_REQUIRED, NODE_EVICTED */
export function checkKnown(registry: Pick<NodeRegistry, 'find'>, nodeId: string): void {
  const known = registry.find(nodeId)
  if (known === undefined) throw unknown()
  if (known.evictedAt !== null) throw evicted()
}

function isWelcome({ isProven }: AdmissionRequest, known: NodeEntry | undefined): boolean {
  return isProven && known !== undefined && known.evictedAt === null
}

function requireKey({ key }: AdmissionRequest, known: NodeEntry | undefined) {
  if (key !== null) return key
  if (known !== undefined && known.evictedAt !== null) throw evicted()
  throw unknown()
}

function refuseOldKey(known: NodeEntry | undefined, createdAt: number): void {
  const evictedAt = known?.evictedAt ?? null
  if (evictedAt !== null && createdAt <= evictedAt) throw evicted()
}

function unknown(): SputnikError {
  return new SputnikError('JOIN_KEY_REQUIRED', 'the head does not know this node')
}

function evicted(): SputnikError {
  return new SputnikError('NODE_EVICTED', 'this node was evicted from the fleet')
}
