/** What people call the nodes of a fleet, also those that are gone, as long as they matter. */

export class NodeNames {
  readonly #names = new Map<string, string>()
  readonly #namesMax: number

  constructor(namesMax: number) {
    this.#namesMax = namesMax
  }

  /** Undefined for a node that was never there, or is forgotten. */
  of(nodeId: string): string | undefined {
    return this.#names.get(nodeId)
  }

  /** When there are too many names, only those of `known` nodes are kept. */
  remember({ nodeId, name }: { nodeId: string; name: string }, known: () => Set<string>): void {
    this.#names.set(nodeId, name)
    if (this.#names.size <= this.#namesMax) return
    const kept = known()
    for (const id of this.#names.keys()) if (!kept.has(id)) this.#names.delete(id)
  }
}
