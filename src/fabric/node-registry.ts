/**
 * The nodes a head admitted or evicted, a small file for each in the head's state folder. Knows
 * nothing of join keys and of who is connected.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { codeOf } from '../base/errors.js'
import { readStateJson, writeStateFile } from '../base/state.js'
import { NODE_ID } from './identity.js'

const time = z.int().min(0).max(Number.MAX_SAFE_INTEGER)
const entrySchema = z.object({
  nodeId: z.string().regex(NODE_ID),
  name: z.string().max(64),
  /** Milliseconds since 1970. */
  admittedAt: time,
  /** Null while the node may join. */
  evictedAt: time.nullable(),
})

export type NodeEntry = Readonly<z.infer<typeof entrySchema>>

export class NodeRegistry {
  readonly #folder: string
  readonly #now: () => number

  /** `now` tells milliseconds since 1970. */
  constructor(folder: string, { now }: { readonly now: () => number }) {
    this.#folder = join(folder, 'nodes')
    this.#now = now
  }

  /** @throws SputnikError STATE_INVALID */
  find(nodeId: string): NodeEntry | undefined {
    return NODE_ID.test(nodeId) ? readStateJson(this.#path(nodeId), entrySchema) : undefined
  }

  /** From now on the node needs no key; also when it was evicted before. */
  admit({ nodeId, name }: Pick<NodeEntry, 'nodeId' | 'name'>): NodeEntry {
    const known = this.find(nodeId)
    const isKept = known !== undefined && known.evictedAt === null
    if (isKept && known.name === name) return known
    const admittedAt = isKept ? known.admittedAt : this.#now()
    return this.#write({ nodeId, name, admittedAt, evictedAt: null })
  }

  /** False when the node was never admitted. */
  evict(nodeId: string): boolean {
    const known = this.find(nodeId)
    if (known === undefined) return false
    this.#write({ ...known, evictedAt: this.#now() })
    return true
  }

  /** In the order they were admitted. */
  list(): NodeEntry[] {
    const entries = this.#names().flatMap((name) => this.find(name.slice(0, -5)) ?? [])
    return entries.sort((a, b) => a.admittedAt - b.admittedAt || (a.nodeId < b.nodeId ? -1 : 1))
  }

  #names(): string[] {
    try {
      return readdirSync(this.#folder).filter((name) => name.endsWith('.json'))
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return []
      throw error
    }
  }

  #write(entry: NodeEntry): NodeEntry {
    writeStateFile(this.#path(entry.nodeId), `${JSON.stringify(entry)}\n`)
    return entry
  }

  #path(nodeId: string): string {
    return join(this.#folder, `${nodeId}.json`)
  }
}
