/** Changes of the fleet that clients ask for. Knows nothing of what they are. */
import { SputnikError } from '../base/errors.js'
import { FLEET_CHANGES_MAX } from './limits.js'

/** How many changes are with the engine at the same time: few, for it makes them between steps. */
export class FleetChanges {
  readonly #max: number
  #running = 0

  constructor(max = FLEET_CHANGES_MAX) {
    this.#max = max
  }

  /** @throws SputnikError FLEET_BUSY, or what `change` throws */
  async run(change: () => Promise<void>): Promise<void> {
    if (this.#running >= this.#max) {
      throw new SputnikError('FLEET_BUSY', `${this.#max} changes of the fleet are not done yet`)
    }
    this.#running++
    try {
      await change()
    } finally {
      this.#running--
    }
  }
}
