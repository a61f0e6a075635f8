/**
 * Nodes that take turns in a fleet: when one is killed, the one that has been gone for longest comes
 * back, so that none comes and goes so often that it is kept out.
 */
import { defined } from '../src/base/assert.js'
import type { FleetHead } from './fleet-head.js'
import type { FleetNode } from './fleet-node.js'

export class NodePool {
  readonly #head: FleetHead
  /** Gone for longest first. */
  readonly #absent: string[]
  readonly #present: FleetNode[] = []

  constructor(head: FleetHead, count: number) {
    this.#head = head
    this.#absent = Array.from({ length: count }, (_, index) => `node-${index}`)
  }

  get present(): readonly FleetNode[] {
    return this.#present
  }

  join(): void {
    this.#present.push(this.#head.join(defined(this.#absent.shift(), 'a node that is not here')))
  }

  async kill(index: number): Promise<void> {
    const [node] = this.#present.splice(index, 1)
    await defined(node, 'a node of this number').kill()
    this.#absent.push(node?.name ?? '')
  }
}
