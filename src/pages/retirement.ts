/**
 * Pages that a newer epoch no longer points at, kept until the last step that may still use them
 * has ended. Knows nothing of why a page was retired.
 */
import { assert } from '../base/assert.js'

export class Retirement {
  /** Running steps by the epoch they began in; keys ascend, for steps begin in the newest. */
  readonly #running = new Map<number, number>()
  /** Last epoch that pointed at a page, by its key; epochs ascend. */
  readonly #retired = new Map<number, number>()

  get size(): number {
    return this.#retired.size
  }

  /** Whether a step runs. */
  get isRunning(): boolean {
    return this.#running.size > 0
  }

  has(key: number): boolean {
    return this.#retired.has(key)
  }

  began(epoch: number): void {
    this.#running.set(epoch, (this.#running.get(epoch) ?? 0) + 1)
  }

  ended(epoch: number): void {
    const running = this.#running.get(epoch)
    assert(running !== undefined, `no step of epoch ${epoch} runs`)
    if (running === 1) this.#running.delete(epoch)
    else this.#running.set(epoch, running - 1)
  }

  retire(key: number, epoch: number): void {
    this.#retired.set(key, epoch)
  }

  /** Takes a page back before anybody was told to unmap it; false when it is not here. */
  cancel(key: number): boolean {
    return this.#retired.delete(key)
  }

  /** Forgets the pages for which `matches` holds. */
  forget(matches: (key: number) => boolean): void {
    for (const key of this.#retired.keys()) if (matches(key)) this.#retired.delete(key)
  }

  /** Pages that no running step can reach any more. */
  release(): number[] {
    const [oldest = Number.POSITIVE_INFINITY] = this.#running.keys()
    const free: number[] = []
    for (const [key, epoch] of this.#retired) {
      if (epoch >= oldest) break
      free.push(key)
      this.#retired.delete(key)
    }
    return free
  }
}
