/**
 * Chooses for every (token, expert) pair of a step which of the expert's holders computes it. Pure;
 * knows nothing of links and of what the domains do beside this step but what it is told.
 *
 * The rule: a pair goes where it would be finished first, by the estimate
 *   backlog + fixed cost of being asked at all + pairs given in this step, this one included,
 * to which a domain that does not get the token yet adds the cost of a copy. So a domain that gets
 * it anyway is preferred until it would be done later by more than the copy costs. A copy is not
 * counted as work of its domain: it takes the head's link, which all share. Pairs without a choice
 * are given away first, so that the others see their load and their copies. Ties go to the lowest
 * id. Work: pairs x replicas.
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

type Table = RegionHolders & { readonly work: DomainWork }

export class ReplicaChooser {
  readonly #domains: number
  #owners = new Uint16Array(0)
  /** Pairs that have a choice. */
  #open = new Uint32Array(0)
  /** Number of the choice in which a domain got a token, [domains, tokens]. */
  #copied = new Uint32Array(0)
  /** When each domain would be done with one more pair. */
  readonly #nextUs: Float64Array
  #round = 0
  /** Pairs of the last choice that no domain can take. */
  unplaced = 0

  /** `domains`: one more than the highest id. */
  constructor(domains: number) {
    this.#domains = domains
    this.#nextUs = new Float64Array(domains)
  }

  /** The domain of each pair, or NO_DOMAIN; valid until the next call. */
  choose(choice: RouterChoice, table: Table): Uint16Array {
    this.#prepare(choice, table.work)
    const open = this.#giveForced(choice, table)
    this.#giveOpen(open, { choice, table })
    return this.#owners.subarray(0, choice.tokens * choice.nUsed)
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
    for (let domain = 0; domain < this.#domains; domain++) {
      const backlogUs = work.backlogUs[domain] ?? 0
      this.#nextUs[domain] = backlogUs + (work.fixedUs[domain] ?? 0) + (work.pairUs[domain] ?? 0)
    }
    this.unplaced = 0
  }

  /** Gives away the pairs without a choice; returns how many are left. */
  #giveForced({ tokens, nUsed, experts }: RouterChoice, table: Table): number {
    const owners = this.#owners
    const copied = this.#copied
    const nextUs = this.#nextUs
    const { pairUs } = table.work
    let open = 0
    let pair = 0
    for (let marks = 0; marks < tokens * this.#domains; marks += this.#domains) {
      for (let slot = 0; slot < nUsed; slot++, pair++) {
        const domain = onlyHolder(experts[pair] ?? 0, table)
        if (domain === SEVERAL) {
          this.#open[open++] = pair
          continue
        }
        owners[pair] = domain
        if (domain === NO_DOMAIN) {
          this.unplaced++
          continue
        }
        copied[marks + domain] = this.#round
        nextUs[domain] = (nextUs[domain] ?? 0) + (pairUs[domain] ?? 0)
      }
    }
    return open
  }

  #giveOpen(open: number, { choice, table }: { choice: RouterChoice; table: Table }): void {
    const { experts, nUsed } = choice
    const { pairUs } = table.work
    for (let at = 0; at < open; at++) {
      const pair = this.#open[at] ?? 0
      const marks = Math.floor(pair / nUsed) * this.#domains
      const domain = this.#soonest(experts[pair] ?? 0, { marks, table })
      this.#owners[pair] = domain
      this.#copied[marks + domain] = this.#round
      this.#nextUs[domain] = (this.#nextUs[domain] ?? 0) + (pairUs[domain] ?? 0)
    }
  }

  /** Of the holders of the best standing, the one that is done first. */
  #soonest(expert: number, { marks, table }: { marks: number; table: Table }): number {
    const { holders, replicas, work } = table
    const { standing, copyUs } = work
    const copied = this.#copied
    const nextUs = this.#nextUs
    const end = (expert + 1) * replicas
    let best = NO_DOMAIN
    let bestStanding: number = STANDING.lastResort
    let bestUs = Number.POSITIVE_INFINITY
    for (let slot = expert * replicas; slot < end; slot++) {
      const domain = holders[slot] ?? NO_DOMAIN
      if (domain === NO_DOMAIN) break
      const rank = standing[domain] ?? STANDING.closed
      if (rank < bestStanding) continue
      let us = nextUs[domain] ?? 0
      if (copied[marks + domain] !== this.#round) us += copyUs[domain] ?? 0
      if (rank === bestStanding && us >= bestUs) continue
      best = domain
      bestStanding = rank
      bestUs = us
    }
    return best
  }
}

const SEVERAL = -1

/** The one holder that may take the pair, NO_DOMAIN when there is none, or SEVERAL. */
function onlyHolder(expert: number, { holders, replicas, work }: Table): number {
  const { standing } = work
  const end = (expert + 1) * replicas
  let found = NO_DOMAIN
  let best: number = STANDING.closed
  for (let slot = expert * replicas; slot < end; slot++) {
    const domain = holders[slot] ?? NO_DOMAIN
    if (domain === NO_DOMAIN) break
    const rank = standing[domain] ?? STANDING.closed
    if (rank < best || rank === STANDING.closed) continue
    if (rank === STANDING.ready && best === rank) return SEVERAL
    found = rank === best ? SEVERAL : domain
    best = rank
  }
  return found
}
