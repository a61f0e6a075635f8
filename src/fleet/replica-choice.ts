/**
 * Chooses for every (token, expert) pair of a step which of the expert's holders computes it. Pure;
 * knows nothing of links and of what the domains do beside this step but what it is told.
 *
 * The rule: a pair goes where it would be finished first, by the estimate
 *   backlog + fixed cost of a domain asked at all + tokens copied there + pairs given there,
 * which includes this pair. As a copy counts only where the token does not go yet, a domain that
 * gets the token anyway is preferred as long as it is not busier by more than a copy costs. Pairs
 * without a choice are given away first, so that the others see their load and their copies. Ties go
 * to the lowest id. Work: pairs x replicas.
 */
import { NO_DOMAIN } from '../pages/holder-table.js'
import type { RouterChoice } from './partition.js'

/** Whether a domain may be given work: never, only when no other holder is ready, or freely. */
export const STANDING = { closed: 0, lastResort: 1, ready: 2 } as const

/** By domain id; estimates in microseconds. */
export type DomainWork = {
  /** Of STANDING. */
  readonly standing: Uint8Array
  /** Of one (token, expert) pair, as measured. */
  readonly pairUs: Float64Array
  /** Of sending one token there and its sum back. */
  readonly copyUs: Float64Array
  /** Of asking the domain at all. */
  readonly fixedUs: Float64Array
  /** Until it is done with what it was given before. */
  readonly backlogUs: Float64Array
}

export function emptyWork(domains: number): DomainWork {
  return {
    standing: new Uint8Array(domains),
    pairUs: new Float64Array(domains),
    copyUs: new Float64Array(domains),
    fixedUs: new Float64Array(domains),
    backlogUs: new Float64Array(domains),
  }
}

/** Domains of each expert of the region, [replicas, experts]; NO_DOMAIN fills up. */
export type RegionHolders = { readonly holders: Uint16Array; readonly replicas: number }

export class ReplicaChooser {
  readonly #domains: number
  #owners = new Uint16Array(0)
  /** Pairs that have a choice. */
  #open = new Uint32Array(0)
  /** Number of the choice in which a domain got a token, [domains, tokens]. */
  #copied = new Uint32Array(0)
  readonly #doneUs: Float64Array
  readonly #isAsked: Uint8Array
  #round = 0
  /** Pairs of the last choice that no domain can take. */
  unplaced = 0

  /** `domains`: one more than the highest id. */
  constructor(domains: number) {
    this.#domains = domains
    this.#doneUs = new Float64Array(domains)
    this.#isAsked = new Uint8Array(domains)
  }

  /** The domain of each pair, or NO_DOMAIN; valid until the next call. */
  choose(choice: RouterChoice, table: RegionHolders & { readonly work: DomainWork }): Uint16Array {
    const pairs = choice.tokens * choice.nUsed
    this.#prepare(choice, table.work)
    let open = 0
    for (let pair = 0; pair < pairs; pair++) {
      const only = onlyHolder(choice.experts[pair] ?? 0, table)
      if (only === SEVERAL) this.#open[open++] = pair
      else this.#give(pair, { domain: only, choice, work: table.work })
    }
    for (let at = 0; at < open; at++) {
      const pair = this.#open[at] ?? 0
      const token = Math.floor(pair / choice.nUsed)
      const domain = this.#soonest(choice.experts[pair] ?? 0, { token, table })
      this.#give(pair, { domain, choice, work: table.work })
    }
    return this.#owners.subarray(0, pairs)
  }

  #prepare(choice: RouterChoice, work: DomainWork): void {
    const pairs = choice.tokens * choice.nUsed
    if (this.#owners.length < pairs) {
      this.#owners = new Uint16Array(pairs)
      this.#open = new Uint32Array(pairs)
    }
    if (this.#copied.length < choice.tokens * this.#domains) {
      this.#copied = new Uint32Array(choice.tokens * this.#domains)
    }
    this.#round = (this.#round + 1) >>> 0
    if (this.#round === 0) {
      this.#copied.fill(0)
      this.#round = 1
    }
    this.#isAsked.fill(0)
    this.#doneUs.set(work.backlogUs.subarray(0, this.#domains))
    this.unplaced = 0
  }

  #soonest(
    expert: number,
    at: { token: number; table: RegionHolders & { readonly work: DomainWork } },
  ): number {
    const { token, table } = at
    const { holders, replicas, work } = table
    const marks = token * this.#domains
    let best = NO_DOMAIN
    let bestStanding: number = STANDING.lastResort
    let bestUs = Number.POSITIVE_INFINITY
    for (let slot = expert * replicas; slot < (expert + 1) * replicas; slot++) {
      const domain = holders[slot] ?? NO_DOMAIN
      if (domain === NO_DOMAIN) break
      const standing = work.standing[domain] ?? STANDING.closed
      if (standing < bestStanding) continue
      const isCopied = this.#copied[marks + domain] === this.#round
      const us = (this.#doneUs[domain] ?? 0) + this.#extraUs(domain, { work, isCopied })
      if (standing === bestStanding && us >= bestUs) continue
      best = domain
      bestStanding = standing
      bestUs = us
    }
    return best
  }

  /** What one more pair costs a domain. */
  #extraUs(domain: number, { work, isCopied }: { work: DomainWork; isCopied: boolean }): number {
    let us = work.pairUs[domain] ?? 0
    if (!isCopied) us += work.copyUs[domain] ?? 0
    if (this.#isAsked[domain] === 0) us += work.fixedUs[domain] ?? 0
    return us
  }

  #give(pair: number, to: { domain: number; choice: RouterChoice; work: DomainWork }): void {
    const { domain, choice, work } = to
    this.#owners[pair] = domain
    if (domain === NO_DOMAIN) {
      this.unplaced++
      return
    }
    const mark = Math.floor(pair / choice.nUsed) * this.#domains + domain
    const isCopied = this.#copied[mark] === this.#round
    const us = this.#extraUs(domain, { work, isCopied })
    this.#doneUs[domain] = (this.#doneUs[domain] ?? 0) + us
    this.#isAsked[domain] = 1
    this.#copied[mark] = this.#round
  }
}

const SEVERAL = -1

/** The one holder that may take the pair, NO_DOMAIN when there is none, or SEVERAL. */
function onlyHolder(
  expert: number,
  { holders, replicas, work }: RegionHolders & { readonly work: DomainWork },
): number {
  let found = NO_DOMAIN
  let count = 0
  let best: number = STANDING.lastResort
  for (let slot = expert * replicas; slot < (expert + 1) * replicas; slot++) {
    const domain = holders[slot] ?? NO_DOMAIN
    if (domain === NO_DOMAIN) break
    const standing = work.standing[domain] ?? STANDING.closed
    if (standing < best) continue
    count = standing === best ? count + 1 : 1
    best = standing
    found = domain
  }
  return count > 1 ? SEVERAL : found
}
