/**
 * One granter and its senders joined by a network that loses connections, repeats and reorders.
 * Every fault is a call, so that a list of them is a test; the checks run after each.
 */

import assert from 'node:assert/strict'
import { defined } from '../../src/base/assert.js'
import { CreditGranter } from '../../src/fabric/credit-granter.js'
import {
  CREDIT_MESSAGE_BYTES,
  type CreditMessage,
  readCreditMessage,
  writeCreditMessage,
} from '../../src/fabric/credit-message.js'
import { CreditSender } from '../../src/fabric/credit-sender.js'
import type { CreditBalance, GranterOptions } from '../../src/fabric/credit-terms.js'

type Data = { readonly kind: 'data'; readonly transfer: number; readonly bytes: number }
type InFlight = {
  readonly peer: number
  readonly generation: number
  readonly content: CreditMessage | Data
}

type Transfer = { readonly peer: number; readonly bytes: number; arrived: number }

const PACKET_BYTES = 1448

export class CreditWorld {
  readonly granter: CreditGranter
  readonly flying: InFlight[] = []
  readonly transfers = new Map<number, Transfer>()
  nowUs = 0
  readonly #senders: CreditSender[]
  readonly #generations: number[]
  readonly #isStopped: boolean[]
  readonly #isRepeating: boolean
  #nextTransfer = 0
  #balance: CreditBalance

  /** `isRepeating`: every message about credit comes twice in a row. */
  constructor(peers: number, options: GranterOptions & { readonly isRepeating?: boolean } = {}) {
    this.granter = new CreditGranter(options)
    this.#isRepeating = options.isRepeating ?? false
    this.#senders = Array.from({ length: peers }, () => new CreditSender(1))
    this.#generations = this.#senders.map(() => 1)
    this.#isStopped = this.#senders.map(() => false)
    this.#senders.forEach((_, peer) => {
      this.granter.connected({ peer, generation: 1 }, 0)
      this.granter.roundTrip({ peer, roundTripUs: 200 }, 0)
    })
    this.#balance = this.granter.balance
    this.collect()
  }

  get peers(): number {
    return this.#senders.length
  }

  get isDone(): boolean {
    return [...this.transfers.values()].every(({ bytes, arrived }) => arrived >= bytes)
  }

  sender(peer: number): CreditSender {
    return defined(this.#senders[peer], 'sender')
  }

  /** The receiver asks all peers for a reply each; the budgets travel with the dispatches. */
  ask(sizes: readonly number[]): void {
    const requests = sizes.map((bytes, peer) => ({
      peer,
      transfer: this.#begin(peer, bytes),
      bytes,
    }))
    const budgets = this.granter.requestAll(requests, this.nowUs)
    for (const [peer, budget] of budgets) this.#fly(peer, budget)
    for (const { peer, transfer, bytes } of requests) {
      this.sender(peer).offer({ transfer, bytes, isExpected: true }, this.nowUs)
    }
    this.collect()
  }

  /** A peer has something to say of its own accord. */
  offer(peer: number, bytes: number): void {
    const transfer = this.#begin(peer, bytes)
    this.sender(peer).offer({ transfer, bytes, isExpected: false }, this.nowUs)
    this.collect()
  }

  /** Delivers one of the messages under way, in whatever order. */
  deliver(index: number): void {
    const [message] = this.flying.splice(index % Math.max(1, this.flying.length), 1)
    if (message !== undefined) this.#receive(message)
    this.collect()
  }

  /** A message about credit comes once more, now or after its connection is gone. */
  repeat(index: number): void {
    const message = this.flying[index % Math.max(1, this.flying.length)]
    if (message !== undefined && message.content.kind !== 'data') this.flying.push(message)
  }

  /** The connection breaks; of what was under way some is gone, the rest comes too late. */
  lose(peer: number, { keepsEvery }: { keepsEvery: number }): void {
    const mine = this.flying.filter((message) => message.peer === peer)
    mine.forEach((message, i) => {
      if (i % keepsEvery !== 0) this.flying.splice(this.flying.indexOf(message), 1)
    })
    const generation = (this.#generations[peer] ?? 0) + 1
    this.#generations[peer] = generation
    this.#senders[peer] = new CreditSender(generation)
    this.#isStopped[peer] = false
    this.granter.lost({ peer, generation: generation - 1 }, this.nowUs)
    this.granter.connected({ peer, generation }, this.nowUs)
    this.#again(peer)
    this.collect()
  }

  stop(peer: number): void {
    this.#isStopped[peer] = true
  }

  resumeAll(): void {
    this.#isStopped.fill(false)
    this.collect()
  }

  wait(us: number): void {
    this.nowUs += us
    this.granter.tick(this.nowUs)
    this.#senders.forEach((sender, peer) => {
      if (!this.#isStopped[peer]) sender.tick(this.nowUs)
    })
    this.collect()
  }

  /** Without further faults; false when it does not end. */
  settle(): boolean {
    this.resumeAll()
    for (let turn = 0; turn < 20_000; turn++) {
      if (this.isDone && this.flying.length === 0) return true
      if (this.flying.length > 0) this.deliver(0)
      else this.wait(10_000)
      this.nowUs += 10
    }
    return false
  }

  /** Takes what both ends want to send, and checks the books. */
  collect(): void {
    this.#senders.forEach((sender, peer) => {
      if (!this.#isStopped[peer]) this.#push(sender, peer)
    })
    for (const [peer, grant] of this.granter.takeGrants()) this.#fly(peer, grant)
    this.#check()
  }

  #push(sender: CreditSender, peer: number): void {
    for (;;) {
      const part = sender.take(this.nowUs, PACKET_BYTES)
      if (part === undefined) break
      this.#fly(peer, { kind: 'data', transfer: part.transfer, bytes: part.bytes })
    }
    for (const message of sender.takeMessages()) this.#fly(peer, message)
  }

  #begin(peer: number, bytes: number): number {
    this.transfers.set(this.#nextTransfer, { peer, bytes, arrived: 0 })
    return this.#nextTransfer++
  }

  /** After a loss everything unfinished starts from its beginning on the new connection. */
  #again(peer: number): void {
    for (const [transfer, one] of this.transfers) {
      if (one.peer !== peer || one.arrived >= one.bytes) continue
      one.arrived = 0
      const grant = this.granter.request({ peer, transfer, bytes: one.bytes }, this.nowUs)
      this.#fly(peer, defined(grant, 'grant'))
      this.sender(peer).offer({ transfer, bytes: one.bytes, isExpected: true }, this.nowUs)
    }
  }

  #fly(peer: number, content: InFlight['content']): void {
    const generation = this.#generations[peer] ?? 0
    this.flying.push({
      peer,
      generation,
      content: content.kind === 'data' ? content : sent(content),
    })
  }

  #receive(message: InFlight): void {
    const { content } = message
    if (content.kind === 'data') {
      this.#arrive(message, content)
      return
    }
    this.#tell(message.peer, content)
    if (!this.#isRepeating) return
    const before = this.granter.balance
    this.#tell(message.peer, content)
    assert.deepEqual(this.granter.balance, before, 'a repeated message changed the books')
  }

  #tell(peer: number, content: CreditMessage): void {
    const { nowUs } = this
    if (content.kind === 'grant') this.sender(peer).granted(content, nowUs)
    else if (content.kind === 'want') this.granter.wanted(peer, { want: content, nowUs })
    else this.granter.forfeited(peer, { forfeit: content, nowUs })
  }

  #arrive({ peer, generation }: InFlight, { transfer, bytes }: Data): void {
    this.granter.arrived({ peer, generation, transfer, bytes }, this.nowUs)
    const known = this.transfers.get(transfer)
    if (known !== undefined && generation === this.#generations[peer]) known.arrived += bytes
  }

  #check(): void {
    const balance = this.granter.balance
    const { granted, arrived, outstanding, writtenOff, returned } = balance
    assert.equal(granted, arrived + outstanding + writtenOff + returned, 'credit is not conserved')
    assert.ok(outstanding >= 0 && writtenOff >= 0 && returned >= 0)
    const most = Math.max(balance.window, this.#balance.outstanding)
    assert.ok(outstanding <= most, `${outstanding} bytes under way in a window of ${most}`)
    assert.equal(balance.excess, 0, 'bytes came without credit')
    this.#balance = balance
  }
}

/** As it comes out of the wire's form. */
function sent(message: CreditMessage): CreditMessage {
  const view = new DataView(new ArrayBuffer(CREDIT_MESSAGE_BYTES))
  writeCreditMessage(view, 0, message)
  return readCreditMessage(view, 0)
}
