/**
 * The receiver's side of credits: lets every peer send so much that all of it together fits this
 * host's own link and the buffer before it. Pure; whoever calls it moves bytes and messages. Knows
 * nothing of frames, steps or experts.
 *
 * Scheduling by the receiver, who alone sees all who send to it, is NDP's (Handley et al., SIGCOMM
 * 2017), Homa's (Montazeri et al., SIGCOMM 2018) and EQDS's (Olteanu et al., NSDI 2022); credit
 * given ahead of readiness is the "unscheduled" part of Homa, sized so that all of them fit at
 * once. Ready peers take turns by bytes (deficit round robin, Shreedhar and Varghese, SIGCOMM 1995;
 * credit divides into bytes, so no deficit is left over).
 */
import { assert } from '../base/assert.js'
import { CreditAccount } from './credit-account.js'
import type { Forfeit, Grant, Want } from './credit-message.js'
import type {
  Arrival,
  Connection,
  CreditBalance,
  GranterOptions,
  ReplyRequest,
} from './credit-terms.js'
import { CreditWindow, SEGMENT_BYTES } from './credit-window.js'
import { DeliveryRate } from './link-estimate.js'

/** Several times the longest compute of a step in decode, and any round trip of a local network. */
const LEASE_US = 200_000
const PEERS_MAX = 4096

export class CreditGranter {
  readonly #isStanding: boolean
  readonly #leaseUs: number
  readonly #accounts = new Map<number, CreditAccount>()
  readonly #outbox = new Map<number, Grant>()
  readonly #window = new CreditWindow()
  readonly #rate: DeliveryRate
  /** Ready peers in need, whose turn is next first. */
  readonly #queue: CreditAccount[] = []
  #outstanding = 0
  /** What has come since nothing was under way, and when that ended. */
  #burst = { fromUs: 0, bytes: 0 }
  #meanUs = 0
  /** Of connections that are gone. */
  #gone = { granted: 0, arrived: 0, returned: 0, excess: 0 }

  constructor({ isStanding = false, leaseUs = LEASE_US, come }: GranterOptions = {}) {
    this.#isStanding = isStanding
    this.#leaseUs = leaseUs
    this.#rate = new DeliveryRate(come)
  }

  /**
   * A connection begins. An older one of the same peer is lost with it: returns its unfinished
   * transfers, to be requested again or given up.
   */
  connected({ peer, generation }: Connection, nowUs: number): readonly number[] {
    const old = this.#accounts.get(peer)
    assert(old === undefined || old.generation < generation, 'generations of a peer must rise')
    const lost = old === undefined ? [] : this.lost(old, nowUs)
    assert(this.#accounts.size < PEERS_MAX, 'too many peers for one granter')
    const account = new CreditAccount({ peer, generation }, nowUs)
    this.#accounts.set(peer, account)
    this.#measure()
    if (this.#isStanding) this.#topUp(account, nowUs)
    return lost
  }

  /** A connection is gone and its credit with it. Returns its unfinished transfers. */
  lost(connection: Connection, nowUs: number): readonly number[] {
    const account = this.#find(connection)
    if (account === undefined) return []
    const unsettled = account.outstanding + account.writtenOffBytes
    this.#outstanding -= account.outstanding
    this.#gone.granted += account.grantedBytes
    this.#gone.arrived += account.arrivedBytes
    this.#gone.returned += account.forfeitedBytes + unsettled
    this.#gone.excess += account.excessBytes
    this.#accounts.delete(account.peer)
    this.#outbox.delete(account.peer)
    if (account.isQueued) this.#queue.splice(this.#queue.indexOf(account), 1)
    this.#measure()
    this.#pump(nowUs)
    return account.unfinished
  }

  roundTrip({ peer, roundTripUs }: { peer: number; roundTripUs: number }, nowUs: number): void {
    this.#accounts.get(peer)?.roundTrip.sample(roundTripUs, nowUs)
    this.#measure()
  }

  /**
   * Replies about to be asked for, all of one step at once. Returns the grant that each dispatch
   * is to carry: for the whole reply if all of them fit, otherwise for equal first parts that do.
   * @throws SputnikError FRAME_INVALID when a peer has too many transfers under way
   */
  requestAll(requests: readonly ReplyRequest[], nowUs: number): ReadonlyMap<number, Grant> {
    const asked = new Set<CreditAccount>()
    for (const { peer, transfer, bytes } of requests) {
      const account = this.#accounts.get(peer)
      if (account === undefined) continue
      account.expect(transfer, bytes)
      asked.add(account)
    }
    this.#grantAhead([...asked], nowUs)
    this.#pump(nowUs)
    const grants = new Map<number, Grant>()
    for (const { peer } of asked) {
      const account = this.#accounts.get(peer)
      if (account !== undefined) grants.set(peer, account.message(this.#leaseUs))
      this.#outbox.delete(peer)
    }
    return grants
  }

  /** `requestAll` of one reply; undefined when the peer is not connected. */
  request(request: ReplyRequest, nowUs: number): Grant | undefined {
    return this.requestAll([request], nowUs).get(request.peer)
  }

  /** @throws SputnikError FRAME_INVALID when the peer has too many transfers under way */
  wanted(peer: number, { want, nowUs }: { want: Want; nowUs: number }): void {
    const account = this.#find({ peer, generation: want.generation })
    if (account === undefined) return
    if (!account.want(want)) return
    this.#flow(account)
    // A peer that asks while it holds credit may not know of it.
    if (account.outstanding + account.writtenOffBytes > 0) this.#tell(account)
    this.#pump(nowUs)
  }

  /** @throws SputnikError FRAME_INVALID when the peer gives back what it does not have */
  forfeited(peer: number, { forfeit, nowUs }: { forfeit: Forfeit; nowUs: number }): void {
    const account = this.#find({ peer, generation: forfeit.generation })
    if (account === undefined) return
    const isNews = this.#change(account, () => account.forfeit(forfeit.forfeitedBytes, nowUs))
    if (!isNews) return
    // It did not use what it had: it is granted more when it asks.
    account.isFlowing = false
    this.#pump(nowUs)
  }

  /**
   * Bytes of a transfer came in, or the word that no more will. Of a connection that is gone they
   * change nothing. Replies that are no longer wanted must be let in all the same, or they would
   * keep others of the peer waiting.
   */
  arrived(arrival: Arrival, nowUs: number): void {
    const account = this.#find(arrival)
    if (account === undefined) return
    this.#change(account, () => account.arrive(arrival, nowUs))
    if (arrival.isLast === true) account.finish(arrival.transfer)
    this.#window.arrived(arrival.bytes)
    const isBacklogged = this.#queue.length > 0
    // What comes in one go says nothing of the link.
    const isTelling = this.#outstanding > 0 || this.#rate.isBusy
    if (isTelling) this.#rate.arrived(arrival.bytes, { nowUs, isBacklogged })
    this.#burst.bytes += arrival.bytes
    if (this.#outstanding === 0) this.#endBurst(nowUs)
    this.#window.update(this.#rate.bytesPerSecond, this.#meanUs)
    if (account.remaining > 0) this.#flow(account)
    else this.#rest(account, nowUs)
    this.#pump(nowUs)
  }

  tick(nowUs: number): void {
    for (const account of this.#accounts.values()) this.#watch(account, nowUs)
    this.#pump(nowUs)
  }

  get hasGrants(): boolean {
    return this.#outbox.size > 0
  }

  /** Grants to send, at most one per peer; what is taken is gone from the outbox. */
  takeGrants(): ReadonlyMap<number, Grant> {
    const grants = new Map(this.#outbox)
    this.#outbox.clear()
    return grants
  }

  /** The grant for one peer, to travel inside a frame that goes there anyway. */
  takeGrant(peer: number): Grant | undefined {
    const grant = this.#outbox.get(peer)
    this.#outbox.delete(peer)
    return grant
  }

  /** When `tick` is next of use, if nothing else happens; undefined: not before something does. */
  nextTickUs(nowUs: number): number | undefined {
    let next = this.#paceUs(nowUs) ?? Number.POSITIVE_INFINITY
    for (const account of this.#accounts.values()) {
      if (account.outstanding === 0) continue
      const waitUs = account.isRefreshed ? 2 * this.#leaseUs : this.#leaseUs >> 1
      next = Math.min(next, account.movedUs + waitUs)
    }
    return Number.isFinite(next) ? next : undefined
  }

  get balance(): CreditBalance {
    const sum = { ...this.#gone, outstanding: 0, writtenOff: 0 }
    for (const account of this.#accounts.values()) {
      sum.granted += account.grantedBytes
      sum.arrived += account.arrivedBytes
      sum.returned += account.forfeitedBytes
      sum.excess += account.excessBytes
      sum.outstanding += account.outstanding
      sum.writtenOff += account.writtenOffBytes
    }
    return { ...sum, window: this.#window.bytes }
  }

  get bytesPerSecond(): number {
    return this.#rate.bytesPerSecond
  }

  #find({ peer, generation }: Connection): CreditAccount | undefined {
    const account = this.#accounts.get(peer)
    return account?.generation === generation ? account : undefined
  }

  /** Whole replies if they all fit, otherwise equal parts of what may be granted ahead. */
  #grantAhead(asked: readonly CreditAccount[], nowUs: number): void {
    const free = this.#window.bytes - this.#outstanding
    const needed = asked.reduce((sum, account) => sum + account.needBytes, 0)
    // Nobody is passed by: what is whole may go ahead only while none waits for a turn.
    const isWhole = needed <= free && this.#queue.length === 0
    // Those at work get theirs in turn.
    const waiting = isWhole ? asked : asked.filter((account) => !account.isFlowing)
    let pool = isWhole ? needed : Math.min(free, this.#window.aheadBytes - this.#aheadBytes)
    let left = waiting.length
    for (const account of [...waiting].sort((a, b) => a.needBytes - b.needBytes)) {
      const share = Math.min(account.needBytes, Math.floor(Math.max(0, pool) / left--))
      pool -= share
      if (account.writtenOffBytes > 0) continue
      this.#grant(account, { bytes: firstPart(account.needBytes, share), nowUs })
    }
    for (const account of asked) if (account.isFlowing) this.#flow(account)
  }

  get #aheadBytes(): number {
    let bytes = 0
    for (const one of this.#accounts.values()) if (!one.isFlowing) bytes += one.outstanding
    return bytes
  }

  /** All that was asked for has come. */
  #rest(account: CreditAccount, nowUs: number): void {
    account.isFlowing = false
    if (this.#isStanding) this.#topUp(account, nowUs)
  }

  #topUp(account: CreditAccount, nowUs: number): void {
    if (account.writtenOffBytes > 0) return
    const fair = Math.floor(this.#window.aheadBytes / (this.#accounts.size + 1))
    // Grants of a few bytes would cost more than they bring (RFC 9293, section 3.8.6.2.2).
    if (account.outstanding > fair >> 1) return
    const free = Math.min(
      this.#window.aheadBytes - this.#aheadBytes,
      this.#window.bytes - this.#outstanding,
    )
    this.#grant(account, { bytes: Math.min(fair - account.outstanding, free), nowUs })
  }

  #flow(account: CreditAccount): void {
    account.isFlowing = true
    if (account.isQueued || account.needBytes === 0) return
    account.isQueued = true
    this.#queue.push(account)
  }

  /** Serves ready peers in turn until the window, the pace or the need ends. */
  #pump(nowUs: number): void {
    let passed = 0
    while (passed < this.#queue.length) {
      const [account] = this.#queue
      if (account === undefined) return
      const bytes = this.#turnOf(account)
      if (bytes > 0 && this.#mayHave(account, bytes)) {
        if (!this.#isRoomFor(bytes) || !this.#window.pace(bytes, nowUs)) return
        this.#grant(account, { bytes, nowUs })
        passed = 0
      } else {
        passed++
      }
      this.#rotate(account)
    }
  }

  #rotate(account: CreditAccount): void {
    this.#queue.shift()
    account.isQueued = account.isFlowing && account.needBytes > 0
    if (account.isQueued) this.#queue.push(account)
  }

  #turnOf(account: CreditAccount): number {
    if (!account.isFlowing) return 0
    const { turnBytes } = this.#window
    // A small rest would be a turn of its own.
    return account.needBytes <= turnBytes + (turnBytes >> 1) ? account.needBytes : turnBytes
  }

  #isRoomFor(bytes: number): boolean {
    return bytes <= this.#window.bytes - this.#outstanding
  }

  /** A peer that owes an explanation gets nothing, and none gets more than its own path holds. */
  #mayHave(account: CreditAccount, bytes: number): boolean {
    const most = this.#window.forRoundTrip(account.roundTrip.leastUs ?? this.#meanUs)
    if (account.writtenOffBytes > 0) return false
    return account.outstanding === 0 || account.outstanding + bytes <= most
  }

  /** Where only a turn at a time is under way, no two arrivals tell how fast the link is. */
  #endBurst(nowUs: number): void {
    const { fromUs, bytes } = this.#burst
    this.#rate.idle()
    this.#rate.atLeast(bytes, nowUs - fromUs)
    // Somebody could send, and nothing but the pace is in the way.
    if ((this.#paceUs(nowUs) ?? nowUs) > nowUs) this.#rate.tooSlow()
  }

  /** When the pace lets the first in the queue go on; undefined: only an arrival can help it. */
  #paceUs(nowUs: number): number | undefined {
    const [first] = this.#queue
    if (first === undefined) return undefined
    const bytes = this.#turnOf(first)
    if (!this.#isRoomFor(bytes) || !this.#mayHave(first, bytes)) return undefined
    return this.#window.paceUs(bytes, nowUs)
  }

  #grant(account: CreditAccount, { bytes, nowUs }: { bytes: number; nowUs: number }): void {
    if (bytes <= 0) return
    if (this.#outstanding === 0) this.#burst = { fromUs: nowUs, bytes: 0 }
    this.#change(account, () => account.grant(bytes, nowUs))
    this.#tell(account)
  }

  #tell(account: CreditAccount): void {
    this.#outbox.set(account.peer, account.message(this.#leaseUs))
  }

  #change<T>(account: CreditAccount, change: () => T): T {
    const before = account.outstanding
    const result = change()
    this.#outstanding += account.outstanding - before
    return result
  }

  /** Says a grant again at half of its lease; gives up its bytes when two are over. */
  #watch(account: CreditAccount, nowUs: number): void {
    if (account.outstanding === 0) return
    const silentUs = nowUs - account.movedUs
    if (silentUs >= 2 * this.#leaseUs) {
      if (account.isFlowing) this.#window.stalled()
      this.#change(account, () => account.writeOff())
    } else if (silentUs >= this.#leaseUs >> 1 && !account.isRefreshed) {
      account.isRefreshed = true
      this.#tell(account)
    }
  }

  /** With equal shares the pipe holds rate x mean round trip (Little's law). */
  #measure(): void {
    let sumUs = 0
    let measured = 0
    for (const { roundTrip } of this.#accounts.values()) {
      if (roundTrip.leastUs === undefined) continue
      sumUs += roundTrip.leastUs
      measured++
    }
    this.#meanUs = measured === 0 ? 0 : Math.floor(sumUs / measured)
    this.#window.update(this.#rate.bytesPerSecond, this.#meanUs)
  }
}

/** Whole segments where a part is all there is: a small rest costs a packet of its own. */
function firstPart(needBytes: number, shareBytes: number): number {
  if (needBytes <= shareBytes || shareBytes < SEGMENT_BYTES) return shareBytes
  return shareBytes - (shareBytes % SEGMENT_BYTES)
}
