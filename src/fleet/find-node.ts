/** Finds the node that a person means. Pure; knows nothing of what is to happen to it. */
import { SputnikError } from '../base/errors.js'

export type KnownNode = {
  /** Null for a card of the head's own host. */
  readonly nodeId: string | null
  readonly name: string
  /** Its number in the directory; null while it is not there. */
  readonly domain: number | null
}

const SHOWN_MAX = 80

/**
 * The node of this id, number in the directory, or name. Of several, the only one of `preferred` is
 * meant: a machine that was set up anew has its old name.
 * @throws SputnikError NODE_UNKNOWN, NODE_AMBIGUOUS
 */
export function findNode<T extends KnownNode>(
  nodes: readonly T[],
  wanted: string,
  preferred: (node: T) => boolean = () => true,
): T {
  const exact = nodes.find(({ nodeId }) => nodeId === wanted)
  if (exact !== undefined) return exact
  const meant = nodes.filter(({ name, domain }) => {
    return name === wanted || (domain !== null && String(domain) === wanted)
  })
  const best = meant.filter(preferred)
  const [found, ...others] = best.length > 0 ? best : meant
  if (found === undefined) {
    const shown = JSON.stringify(wanted.slice(0, SHOWN_MAX))
    throw new SputnikError('NODE_UNKNOWN', `no node is called ${shown}`)
  }
  if (others.length === 0) return found
  const ids = [found, ...others].map(describe).join(', ')
  throw new SputnikError('NODE_AMBIGUOUS', `${JSON.stringify(wanted)} may be ${ids}`)
}

function describe({ nodeId, name, domain }: KnownNode): string {
  return nodeId ?? `${name} (domain ${domain})`
}
