/** What each domain is expected to take for its work, as measured; knows nothing of membership. */
import { type DomainWork, emptyWork } from './replica-choice.js'
import { type Answer, ReplyTimes } from './reply-times.js'

/** Of a copy of a token to a domain that does not get it yet; the link is shared by all. */
const COPY_US = 2
/** Of a pair of a domain nobody has asked yet. */
const PAIR_US_FIRST = 1
/** An estimate is renewed after so many answers. */
const RENEW = 16
/** What is left of the estimate of a domain that was not asked while others were. */
const RELAX = 0.9

type Counts = {
  answers: number
  late: number
  hedges: number
  /** Answers at the last look. */
  seen: number
  /** The estimate is lower than what was measured. */
  isRelaxed: boolean
}

export class WorkEstimates {
  readonly work: DomainWork
  readonly #times = new Map<number, ReplyTimes>()
  readonly #counts = new Map<number, Counts>()

  /** `domains`: one more than the highest id. */
  constructor(domains: number) {
    this.work = emptyWork(domains)
    this.work.copyUs.fill(COPY_US)
    this.work.pairUs.fill(PAIR_US_FIRST)
  }

  /** A domain is new under this id. */
  begin(domain: number, pairUs = PAIR_US_FIRST): void {
    this.#times.set(domain, new ReplyTimes())
    this.#counts.set(domain, { answers: 0, late: 0, hedges: 0, seen: 0, isRelaxed: false })
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
    if (counts.answers % RENEW !== 0 && !isLate && !counts.isRelaxed) return
    counts.isRelaxed = false
    this.work.pairUs[domain] = times.pairUs
    this.work.fixedUs[domain] = times.fixedUs
  }

  /**
   * To be called now and then: a domain that nobody asks, since it was slow, seems faster and
   * faster until it is asked again.
   */
  relax(): void {
    const all = [...this.#counts]
    const isBusy = all.some(([, { answers, seen }]) => answers > seen)
    for (const [domain, counts] of all) {
      if (isBusy && counts.answers > 0 && counts.answers === counts.seen)
        this.#relax(domain, counts)
      counts.seen = counts.answers
    }
  }

  #relax(domain: number, counts: Counts): void {
    const { pairUs, fixedUs } = this.work
    counts.isRelaxed = true
    pairUs[domain] = RELAX * (pairUs[domain] ?? 0)
    fixedUs[domain] = RELAX * (fixedUs[domain] ?? 0)
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
