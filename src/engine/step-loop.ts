/**
 * Drives the fleet and its dispatcher with real links while a step waits inside a native call:
 * sends what they want sent, takes what comes in, looks a while before it sleeps. Between steps
 * `idle` does the same without waiting. Decides nothing itself.
 */
import { SputnikError } from '../base/errors.js'
import type { WireFormat } from '../fabric/dispatch.js'
import type { ReceivedFrame } from '../fabric/link.js'
import { waitAny } from '../fabric/wait-any.js'
import { Dispatcher, type Outgoing } from '../fleet/dispatcher.js'
import { DOMAINS_MAX, type Fleet } from '../fleet/fleet.js'
import type { FleetDomain } from '../fleet/fleet-domain.js'
import type { RegionCall } from '../fleet/region-call.js'
import type { Answer } from '../fleet/reply-times.js'

export type Reply = {
  readonly domain: number
  readonly transfer: number
  readonly bytes: number
}

export type StepLoopOptions = {
  readonly fleet: Fleet
  readonly format: WireFormat
  /** Cards of this host have the ids below. */
  readonly ownCount: number
  /** Looks for frames so long before it sleeps. */
  readonly spinUs: number
  /** Lets another process run. */
  readonly yield: () => void
  /** Monotonic milliseconds. */
  readonly now: () => number
  /** Told of the replies that are about to be asked for, all of one moment together. */
  readonly expect: (replies: readonly Reply[]) => void
  /** Lets the fleet know what else has come for it, such as nodes that join. */
  readonly hear?: () => void
  /** Longest wait for one answer. */
  readonly answerMs?: number
  /** Longest wait for pages that nobody holds. */
  readonly pagesMs?: number | undefined
}

/** Looks at all links between two looks at the clock. */
const LOOKS = 8
/** Between two ticks of the fleet while a step waits. */
const TICK_MS = 2
/** Longest sleep: the fleet has its own business. */
const SLEEP_MS_MAX = 20

export class StepLoop {
  readonly #options: StepLoopOptions
  readonly #dispatcher: Dispatcher
  /** Domains to be given up, and why; not at once, because the dispatcher is at work. */
  #doomed: { readonly id: number; readonly reason: string }[] = []
  #tickedMs = Number.NEGATIVE_INFINITY
  #epoch = 0

  constructor(options: StepLoopOptions) {
    const { fleet, format, ownCount, answerMs, pagesMs } = options
    this.#options = options
    this.#dispatcher = new Dispatcher({
      domains: DOMAINS_MAX,
      format,
      choose: fleet.choose,
      lateMs: (domain, pairs) =>
        domain < ownCount ? Number.POSITIVE_INFINITY : fleet.estimates.lateMs(domain, pairs),
      isSerial: (domain) => domain < ownCount,
      isReplaceable: (domain) => domain >= ownCount,
      onAnswer: (answer) => this.#note(answer),
      onLate: (domain, isHedged) => {
        if (!isHedged) return
        fleet.estimates.noteHedge(domain)
        fleet.late(domain, true)
      },
      orphansSinceMs: () => fleet.orphansSinceMs,
      isExcused: (domain, pages) => fleet.isExcused(domain, pages),
      onFailed: (id, reason) => this.#doomed.push({ id, reason }),
      ...(answerMs !== undefined && { answerMs }),
      ...(pagesMs !== undefined && { pagesMs }),
    })
  }

  /** Time the domains spent on computing, as they report it, in microseconds. */
  get computeUs(): number {
    return this.#dispatcher.computeUs
  }

  /** Computes one region. @throws SputnikError CARD_LOST, PAGES_LOST, or the error of a card */
  compute(call: RegionCall): void {
    const { fleet, now } = this.#options
    fleet.usage.note(call.choice, call.region)
    const epoch = fleet.directory.stepBegan()
    this.#epoch = fleet.directory.epoch
    try {
      this.#dispatcher.begin(call, now())
      this.#run()
      this.#dispatcher.end()
    } finally {
      fleet.directory.stepEnded(epoch)
    }
  }

  /** What is due while no step runs. */
  idle(): void {
    this.#takeAll()
    this.#tick(this.#options.now())
  }

  #run(): void {
    const { spinUs, now } = this.#options
    let spinUntil = now() + spinUs / 1000
    this.#send()
    for (let looks = 1; !this.#dispatcher.isDone; looks++) {
      if (this.#takeAll()) {
        this.#send()
        spinUntil = now() + spinUs / 1000
        continue
      }
      this.#options.yield()
      if (looks % LOOKS !== 0) continue
      const time = now()
      if (time - this.#tickedMs >= TICK_MS) this.#tick(time)
      if (time >= spinUntil) this.#sleep(time)
    }
  }

  #send(): void {
    const outgoing = this.#dispatcher.takeOutbox()
    if (outgoing.length === 0) return
    const { ownCount, fleet, expect } = this.#options
    const remote = outgoing.filter(({ domain }) => domain >= ownCount)
    if (remote.length > 0) expect(remote.map(replyOf))
    for (const one of outgoing) this.#sendOne(one, fleet.domains[one.domain])
  }

  #sendOne({ bytes, write }: Outgoing, domain: FleetDomain | undefined): void {
    const link = domain?.link
    // One that is gone is found out when its answer is looked for.
    if (link === undefined) return
    const frame = link.frame(bytes)
    write(frame)
    link.send(frame, bytes)
  }

  /** Takes what has come; true when there was anything. */
  #takeAll(): boolean {
    let isAny = false
    for (const domain of this.#options.fleet.domains) {
      if (domain !== undefined && this.#takeFrom(domain)) isAny = true
    }
    return this.#bury() || isAny
  }

  #takeFrom(domain: FleetDomain): boolean {
    let isAny = false
    for (;;) {
      const frame = this.#poll(domain)
      if (frame === undefined) return isAny
      isAny = true
      const isExpected = this.#dispatcher.receive(domain.id, frame, this.#options.now())
      if (isExpected && this.#dispatcher.isDone) return true
      if (isExpected) continue
      this.#doomed.push({ id: domain.id, reason: 'it answered something else' })
      return true
    }
  }

  /** What a domain says that makes no sense is a reason to give it up, not the step. */
  #poll(domain: FleetDomain): ReceivedFrame | undefined {
    try {
      const frame = domain.link?.poll() ?? (domain.link === undefined ? 'gone' : undefined)
      if (frame !== 'gone') return frame
      this.#doomed.push({ id: domain.id, reason: 'it has ended' })
    } catch (error) {
      if (!(error instanceof SputnikError)) throw error
      this.#doomed.push({ id: domain.id, reason: error.message })
    }
    return undefined
  }

  /** Gives up what was found to be lost; true when there was anything. */
  #bury(): boolean {
    if (this.#doomed.length === 0) return false
    const { fleet, now } = this.#options
    const doomed = this.#doomed
    this.#doomed = []
    for (const { id, reason } of doomed) {
      if (fleet.domains[id] === undefined) continue
      if (!fleet.restartOwn(id, reason)) fleet.ended(id, reason, now())
      this.#dispatcher.lost(id, now())
    }
    return true
  }

  #tick(time: number): void {
    const { fleet } = this.#options
    this.#tickedMs = time
    const before = [...fleet.domains]
    this.#options.hear?.()
    fleet.tick(time)
    // Who comes back has the id it had, but owes nothing of what was asked before.
    before.forEach((domain, id) => {
      if (domain !== undefined && fleet.domains[id] !== domain) this.#dispatcher.lost(id, time)
    })
    this.#dispatcher.tick(time)
    if (fleet.directory.epoch !== this.#epoch) {
      this.#epoch = fleet.directory.epoch
      this.#dispatcher.placementChanged(time)
    }
    this.#bury()
    this.#send()
  }

  #sleep(time: number): void {
    const { fleet } = this.#options
    const links = fleet.domains.flatMap((domain) => domain?.link ?? [])
    const ms = Math.min(SLEEP_MS_MAX, this.#dispatcher.nextTickMs(time) - time)
    if (ms > 0) waitAny(links, ms)
  }

  #note(answer: Answer): void {
    const { fleet } = this.#options
    fleet.estimates.note(answer)
    fleet.late(answer.domain, false)
    const domain = fleet.domains[answer.domain]
    if (domain !== undefined) domain.expertCalls += answer.pairs
  }
}

function replyOf({ domain, transfer, replyBytes }: Outgoing): Reply {
  return { domain, transfer, bytes: replyBytes }
}
