/** What each domain is expected to take for its work, as measured; knows nothing of membership. */
import type { Answer } from './dispatcher.js'
import { type DomainWork, emptyWork } from './replica-choice.js'
import { ReplyTimes } from './reply-times.js'

/** Of a copy of a token to a domain that does not get it yet; the link is shared by all. */
const COPY_US = 2
/** Of a pair of a domain nobody has asked yet. */
const PAIR_US_FIRST = 1
/** An estimate is renewed after so many answers. */
const RENEW = 16

export class WorkEstimates {
  readonly work: DomainWork
  readonly #times = new Map<number, ReplyTimes>()
  readonly #counts = new Map<number, { answers: number; late: number; hedges: number }>()

  /** `domains`: one more than the highest id. */
  constructor(domains: number) {
    this.work = emptyWork(domains)
    this.work.copyUs.fill(COPY_US)
    this.work.pairUs.fill(PAIR_US_FIRST)
  }

  /** A domain is new under this id. */
  begin(domain: number, pairUs = PAIR_US_FIRST): void {
    this.#times.set(domain, new ReplyTimes())
    this.#counts.set(domain, { answers: 0, late: 0, hedges: 0 })
    this.work.pairUs[domain] = pairUs
    this.work.fixedUs[domain] = 0
  }

  note({ domain, pairs, us, isLate }: Answer): void {
    const times = this.#times.get(domain)
    const counts = this.#counts.get(domain)
    if (times === undefined || counts === undefined) return
    times.note(pairs, us)
    counts.answers++
    if (isLate) counts.late++
    if (counts.answers % RENEW !== 0 && !isLate) return
    this.work.pairUs[domain] = times.pairUs
    this.work.fixedUs[domain] = times.fixedUs
  }

  noteHedge(domain: number): void {
    const counts = this.#counts.get(domain)
    if (counts !== undefined) counts.hedges++
  }

  lateMs(domain: number, pairs: number): number {
    return this.#times.get(domain)?.lateMs(pairs) ?? Number.POSITIVE_INFINITY
  }

  times(domain: number): ReplyTimes | undefined {
    return this.#times.get(domain)
  }

  counts(domain: number): { readonly late: number; readonly hedges: number } {
    const { late = 0, hedges = 0 } = this.#counts.get(domain) ?? {}
    return { late, hedges }
  }
}
