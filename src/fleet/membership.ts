/**
 * Who is in the fleet: leases that heartbeats renew, suspicion, loss, return, draining, eviction.
 * Pure: times are handed in (milliseconds of a clock that never goes back), events are taken from
 * an outbox. Knows nothing of links and pages.
 */
import { assert } from '../base/assert.js'
import { Member, type MemberInfo } from './member.js'
import { MEMBERSHIP_DEFAULTS, type MembershipSettings } from './membership-settings.js'

/** A join of a node; what names an earlier one is ignored. */
export type Session = { readonly nodeId: string; readonly generation: number }

export type LossReason = 'lease' | 'connection' | 'replaced' | 'evicted' | 'left'

type Told = Session & {
  /** Its domain id. */
  readonly index: number
}

export type MemberEvent =
  /** `suspect` wants late replies hedged; `ready` also ends a suspicion. */
  | (Told & { readonly kind: 'back' | 'ready' | 'suspect' | 'drained' })
  | (Told & { readonly kind: 'lost'; readonly reason: LossReason })
  | (Told & { readonly kind: 'keptOut'; readonly untilMs: number })

export type JoinAnswer =
  | { readonly isAccepted: true; readonly index: number; readonly generation: number }
  | {
      readonly isAccepted: false
      readonly reason: 'evicted' | 'flapping' | 'full'
      /** When it makes sense to ask again. */
      readonly retryMs: number
    }

/** What outlives a head, so that ids stay and generations only grow. */
export type MemberRecord = Told & { readonly isEvicted: boolean }

export class Membership {
  readonly #settings: MembershipSettings
  readonly #members = new Map<string, Member>()
  readonly #byIndex: (Member | undefined)[] = []
  #events: MemberEvent[] = []
  #tickedMs: number

  constructor(now: number, settings: Partial<MembershipSettings> = {}) {
    this.#settings = { ...MEMBERSHIP_DEFAULTS, ...settings }
    this.#tickedMs = now
  }

  get size(): number {
    return this.#members.size
  }

  /** Takes over what another head knew; all nodes are lost until they come back. */
  restore(records: readonly MemberRecord[], now: number): void {
    assert(this.#members.size === 0, 'members are restored first')
    for (const { nodeId, index, generation, isEvicted } of records) {
      const member = this.#addMember(nodeId, index)
      member.generation = generation
      member.enter(isEvicted ? 'evicted' : 'lost', now)
    }
  }

  records(): MemberRecord[] {
    return [...this.#members.values()].map((member) => ({
      ...told(member),
      isEvicted: member.phase === 'evicted',
    }))
  }

  /** A node that proved its identity asks to be let in; an earlier session of it ends. */
  join(nodeId: string, now: number): JoinAnswer {
    const known = this.#members.get(nodeId)
    if (known?.phase === 'evicted') {
      const retryMs = known.sinceMs + this.#settings.rememberEvictedMs - now
      return { isAccepted: false, reason: 'evicted', retryMs: Math.max(0, retryMs) }
    }
    if (known?.isAlive) this.#lose(known, { reason: 'replaced', now })
    const retryMs = (known?.flapping.outUntilMs ?? now) - now
    if (retryMs > 0) return { isAccepted: false, reason: 'flapping', retryMs }
    const member = known ?? this.#newMember(nodeId)
    if (member === undefined) {
      return { isAccepted: false, reason: 'full', retryMs: this.#settings.backoffMs }
    }
    member.begin(now)
    if (member.generation > 1) this.#tell('back', member)
    return { isAccepted: true, index: member.index, generation: member.generation }
  }

  #newMember(nodeId: string): Member | undefined {
    if (this.#members.size >= this.#settings.nodesMax && !this.#forgetOldest()) return undefined
    const free = this.#byIndex.indexOf(undefined)
    return this.#addMember(nodeId, free < 0 ? this.#byIndex.length : free)
  }

  #addMember(nodeId: string, index: number): Member {
    assert(index < this.#settings.nodesMax, `index ${index} is over the bound of nodes`)
    const isFree = this.#byIndex[index] === undefined && !this.#members.has(nodeId)
    assert(isFree, `index ${index} or node ${nodeId} is taken`)
    const member = new Member({ nodeId, index, settings: this.#settings })
    while (this.#byIndex.length <= index) this.#byIndex.push(undefined)
    this.#byIndex[index] = member
    this.#members.set(nodeId, member)
    return member
  }

  /** The node was accepted and loads pages. False for an old session, as with all that follow. */
  loading(session: Session, now: number): boolean {
    const member = this.#current(session)
    if (member?.phase !== 'joining') return false
    member.enter('loading', now)
    return true
  }

  /** Its cards can be given work. */
  ready(session: Session, now: number): boolean {
    const member = this.#current(session)
    if (member === undefined || member.phase === 'ready') return false
    member.enter('ready', now)
    this.#tell('ready', member)
    if (member.isSuspect) this.#tell('suspect', member)
    return true
  }

  /** `sequence` grows within a session, so repeated and overtaken heartbeats renew nothing. */
  heartbeat(session: Session, { sequence, now }: { sequence: number; now: number }): boolean {
    const member = this.#current(session)
    if (member === undefined || sequence <= member.sequence) return false
    member.sequence = sequence
    member.heardMs = now
    this.#suspect(member, () => {
      member.hasMissed = false
    })
    return true
  }

  /** A combine is late, or one came in time again. */
  late(session: Session, isLate: boolean): boolean {
    const member = this.#current(session)
    if (member === undefined) return false
    this.#suspect(member, () => {
      member.isLate = isLate
    })
    return true
  }

  #suspect(member: Member, change: () => void): void {
    const before = member.isSuspect
    change()
    if (member.isSuspect !== before) this.#tell(before ? 'ready' : 'suspect', member)
  }

  connectionEnded(session: Session, now: number): boolean {
    const member = this.#current(session)
    if (member === undefined) return false
    this.#lose(member, { reason: member.isLeaving ? 'left' : 'connection', now })
    return true
  }

  /** It is about to end by itself: it drains, and the end of its link is no loss. */
  leave(session: Session): boolean {
    const member = this.#current(session)
    if (member === undefined || member.isLeaving) return false
    member.isLeaving = true
    member.isDraining = true
    return true
  }

  /** Its pages are to move away; it works until they have. False when the node is not here. */
  drain(nodeId: string): boolean {
    const member = this.#members.get(nodeId)
    if (!member?.isAlive) return false
    member.isDraining = true
    return true
  }

  /** Nothing points at the pages of a draining node any more. */
  drained(session: Session): boolean {
    const member = this.#current(session)
    if (!member?.isDraining || member.isDrained) return false
    member.isDrained = true
    this.#tell('drained', member)
    return true
  }

  /** Throws a node out and keeps it out until it is forgotten or pardoned. */
  evict(nodeId: string, now: number): boolean {
    const member = this.#members.get(nodeId)
    if (member === undefined || member.phase === 'evicted') return false
    if (member.isAlive) this.#lose(member, { reason: 'evicted', now })
    member.enter('evicted', now)
    return true
  }

  /** Ends draining, eviction and being kept out. False when there was nothing to pardon. */
  pardon(nodeId: string, now: number): boolean {
    const member = this.#members.get(nodeId)
    if (member === undefined) return false
    const isKeptOut = member.flapping.outUntilMs > now
    const isEvicted = member.phase === 'evicted'
    const isDraining = member.isAlive && member.isDraining && !member.isLeaving
    const isPardoned = isKeptOut || isEvicted || isDraining
    if (isEvicted) member.enter('lost', now)
    if (isKeptOut) member.flapping.forgive()
    // It is about to end, whatever people want.
    member.isDraining = member.isLeaving
    member.isDrained = false
    return isPardoned
  }

  /** Ends leases that ran out and forgets nodes that were gone for long. */
  tick(now: number): void {
    this.#allowForStall(now)
    const { suspectMs, leaseMs } = this.#settings
    for (const member of [...this.#members.values()]) {
      this.#forgive(member, now)
      if (!member.isAlive) this.#forgetIfOld(member, now)
      else if (now - member.heardMs >= leaseMs) this.#lose(member, { reason: 'lease', now })
      else if (now - member.heardMs >= suspectMs) {
        this.#suspect(member, () => {
          member.hasMissed = true
        })
      }
    }
  }

  /** Only an answer in time shows that it is not slow any more, and for that it must be asked. */
  #forgive(member: Member, now: number): void {
    member.lateSinceMs = member.isLate ? (member.lateSinceMs ?? now) : undefined
    if (member.lateSinceMs === undefined) return
    if (now - member.lateSinceMs < this.#settings.forgiveMs) return
    member.lateSinceMs = undefined
    this.#suspect(member, () => {
      member.isLate = false
    })
  }

  /** While the head stood still nobody could renew a lease: that time does not count. */
  #allowForStall(now: number): void {
    const { tickMs } = this.#settings
    const gap = now - this.#tickedMs
    this.#tickedMs = now
    if (gap <= 2 * tickMs) return
    for (const member of this.#members.values()) {
      member.heardMs = Math.min(now, member.heardMs + gap - tickMs)
    }
  }

  #lose(member: Member, { reason, now }: { reason: LossReason; now: number }): void {
    const isWanted = member.isDrained || reason === 'evicted' || reason === 'left'
    member.enter('lost', now)
    if (reason !== 'left') member.losses++
    this.#events.push({ ...told(member), kind: 'lost', reason })
    // Who was asked to go, or said so, does not flap.
    if (isWanted || !member.flapping.lost(now)) return
    this.#events.push({ ...told(member), kind: 'keptOut', untilMs: member.flapping.outUntilMs })
  }

  #forgetIfOld(member: Member, now: number): void {
    const { rememberLostMs, rememberEvictedMs } = this.#settings
    const keepMs = member.phase === 'evicted' ? rememberEvictedMs : rememberLostMs
    if (now - member.sinceMs >= keepMs && now >= member.flapping.outUntilMs) this.#forget(member)
  }

  /** Of the lost nodes, the one gone for longest; evicted ones would come in again. */
  #forgetOldest(): boolean {
    const lost = [...this.#members.values()].filter(({ phase }) => phase === 'lost')
    if (lost.length === 0) return false
    this.#forget(lost.reduce((a, b) => (b.sinceMs < a.sinceMs ? b : a)))
    return true
  }

  #forget(member: Member): void {
    this.#members.delete(member.nodeId)
    this.#byIndex[member.index] = undefined
  }

  member(nodeId: string): MemberInfo | undefined {
    return this.#members.get(nodeId)?.info()
  }

  list(): MemberInfo[] {
    return [...this.#members.values()].map((member) => member.info())
  }

  /** Writes what each domain may be given, of STANDING by domain id, for the choice of replicas. */
  writeStanding(standing: Uint8Array): void {
    assert(standing.length >= this.#byIndex.length, 'room for all domains')
    for (let index = 0; index < standing.length; index++) {
      standing[index] = this.#byIndex[index]?.standing ?? 0
    }
  }

  /** Events since the last call, in order. */
  takeEvents(): MemberEvent[] {
    const events = this.#events
    this.#events = []
    return events
  }

  #current({ nodeId, generation }: Session): Member | undefined {
    const member = this.#members.get(nodeId)
    return member?.isAlive && member.generation === generation ? member : undefined
  }

  #tell(kind: 'back' | 'ready' | 'suspect' | 'drained', member: Member): void {
    this.#events.push({ ...told(member), kind })
  }
}

function told({ nodeId, index, generation }: Member): Told {
  return { nodeId, index, generation }
}
