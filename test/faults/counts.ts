/** How often what happened: by name, so that the runs of many seeds can be added up. */

export class Counts {
  readonly #counts = new Map<string, number>()

  add(name: string, by = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + by)
  }

  of(name: string): number {
    return this.#counts.get(name) ?? 0
  }

  addAll(other: Counts): void {
    for (const [name, count] of other.#counts) this.add(name, count)
  }

  /** By name. */
  entries(): [name: string, count: number][] {
    return [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1))
  }
}
