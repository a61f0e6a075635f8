/** Fleets of which none is beaten in speed, latency and cost at once. */
import type { Choice, Score } from './goal.js'

export class Front {
  readonly #members: Choice[] = []

  /** From the cheapest on. */
  get members(): Choice[] {
    return [...this.#members].sort((a, b) => a.costUsd - b.costUsd || a.index - b.index)
  }

  /** Whether a member is better in one respect and worse in none. */
  beats(score: Score): boolean {
    const at = this.#members.findIndex((member) => beats(member, score))
    if (at < 0) return false
    this.#toFront(at)
    return true
  }

  /** Throws out those that it beats; of equal ones the first of the space stays. */
  add(choice: Choice): void {
    if (this.beats(choice)) return
    const twin = this.#members.findIndex((member) => isEqual(member, choice))
    if (twin >= 0) {
      if (choice.index < (this.#members[twin]?.index ?? 0)) this.#members[twin] = choice
      return
    }
    let kept = 0
    for (const member of this.#members) {
      if (!beats(choice, member)) this.#members[kept++] = member
    }
    this.#members.length = kept
    this.#members.push(choice)
  }

  /** One that has beaten a candidate is likely to beat the next, which is like it. */
  #toFront(at: number): void {
    const [member] = this.#members.splice(at, 1)
    if (member !== undefined) this.#members.unshift(member)
  }
}

function beats(a: Score, b: Score): boolean {
  const isNoWorse =
    a.tokensPerSecond >= b.tokensPerSecond && a.tpotS <= b.tpotS && a.costUsd <= b.costUsd
  return isNoWorse && !isEqual(a, b)
}

function isEqual(a: Score, b: Score): boolean {
  return a.tokensPerSecond === b.tokensPerSecond && a.tpotS === b.tpotS && a.costUsd === b.costUsd
}
