/**
 * Draining, evicting and pardoning nodes over HTTP. An answer says that it is under way: pages move
 * long after it. Knows nothing of what it takes.
 */
import { SputnikError } from '../base/errors.js'
import type { FleetAction } from '../engine/protocol.js'
import type { Exchange } from './app.js'
import { sendJson } from './http-error.js'

/** The body of an answer. */
export type FleetChanged = { readonly action: FleetAction; readonly node: string }

/** `/v1/fleet/domains/<node>` and what may follow. */
const NODE_PART = 4
const NODE_CHARACTERS_MAX = 128

function handler(action: FleetAction, status: 200 | 202): (exchange: Exchange) => Promise<void> {
  return async ({ app, path, res }) => {
    const node = nodeOf(path)
    await app.changes.run(() => app.options.engine.changeFleet(action, node))
    sendJson(res, status, { action, node } satisfies FleetChanged)
  }
}

export const handleDrain = handler('drain', 202)
export const handleEvict = handler('evict', 200)
export const handlePardon = handler('pardon', 200)

/** Throws NODE_UNKNOWN for what no node can be called. */
function nodeOf(path: string): string {
  const node = decoded(path.split('/')[NODE_PART] ?? '')
  if (node !== undefined && node !== '' && node.length <= NODE_CHARACTERS_MAX) return node
  throw new SputnikError('NODE_UNKNOWN', 'no node is called so')
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part)
  } catch {
    return undefined
  }
}
