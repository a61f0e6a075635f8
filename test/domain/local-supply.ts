/** The supply of a domain whose copy of the model is known to be right: all pages are there. */

import type { Supply, SupplyAnswer } from '../../src/domain/supply.js'
import type { PageAt } from '../../src/fabric/control.js'

export class LocalSupply implements Supply {
  readonly badPages = 0
  #ready: SupplyAnswer[] = []

  get pending(): number {
    return this.#ready.length
  }

  want(pages: readonly PageAt[]): void {
    for (const { region, expert } of pages) {
      this.#ready.push({ kind: 'ready', page: { region, expert, source: null } })
    }
  }

  release(): void {}

  reject(): void {}

  take(): SupplyAnswer[] {
    const ready = this.#ready
    this.#ready = []
    return ready
  }

  close(): void {}
}
