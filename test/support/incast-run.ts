/**
 * Rounds of dispatch and combine over the star network: in each, all domains answer at once. With
 * credits, or with senders that know no credits and recover from loss as TCP does.
 */

import { defined } from '../../src/base/assert.js'
import { Prng } from '../../src/base/prng.js'
import { CreditGranter } from '../../src/fabric/credit-granter.js'
import { CREDIT_MESSAGE_BYTES, type Grant } from '../../src/fabric/credit-message.js'
import { CreditSender } from '../../src/fabric/credit-sender.js'
import { HEADER_BYTES } from '../../src/fabric/frame.js'
import {
  IncastNetwork,
  type NetworkOptions,
  OVERHEAD_BYTES,
  SEGMENT_BYTES,
} from './incast-network.js'
import { RecoveringSender } from './recovering-sender.js'

const DISPATCH_BYTES = 512
const MESSAGE_BYTES = HEADER_BYTES + CREDIT_MESSAGE_BYTES

export type IncastOptions = NetworkOptions & {
  readonly rounds: number
  readonly replyBytes: number
  /** Longest compute of a domain; each takes a random part of it. */
  readonly computeUs: number
  readonly seed: number
  /** Rounds before counting starts, for the estimates to settle. */
  readonly warmUpRounds?: number
}

export type IncastResult = {
  readonly dropped: number
  readonly timeouts: number
  readonly peakQueueBytes: number
  /** Payload of the link's capacity used from the first byte of a round to its last. */
  readonly goodput: number
  /** From dispatch to the last byte, per round, in microseconds. */
  readonly roundsUs: readonly number[]
  /** After warming up, as `wantFrames`; drops and time-outs count from the beginning. */
  readonly grantFrames: number
  readonly wantFrames: number
}

/** What differs between the two ways of sending. */
type Transport = {
  /** Starts a round: calls `received` with the bytes of each packet that counts. */
  start(round: number, received: (bytes: number) => void): void
  readonly timeouts: number
  grantFrames: number
  wantFrames: number
}

export function runWithCredits(options: IncastOptions): IncastResult {
  const network = new IncastNetwork(options)
  return runRounds(network, { options, transport: new Credited(network, options) })
}

export function runWithoutCredits(options: IncastOptions): IncastResult {
  const network = new IncastNetwork(options)
  return runRounds(network, { options, transport: new Recovering(network, options) })
}

function runRounds(
  network: IncastNetwork,
  { options, transport }: { options: IncastOptions; transport: Transport },
): IncastResult {
  const warmUp = options.warmUpRounds ?? 0
  const roundBytes = options.domains * options.replyBytes
  const roundsUs: number[] = []
  let busyNs = 0
  let before = { grantFrames: 0, wantFrames: 0 }
  for (let round = 0; round < warmUp + options.rounds; round++) {
    const { grantFrames, wantFrames } = transport
    if (round === warmUp) before = { grantFrames, wantFrames }
    const startNs = network.events.nowNs
    let firstNs: number | undefined
    let received = 0
    transport.start(round, (bytes) => {
      // The first packet began to arrive before it was there.
      firstNs ??= network.events.nowNs - (bytes + OVERHEAD_BYTES) * options.nsPerByte
      received += bytes
    })
    const isDone = network.events.run(() => received >= roundBytes)
    if (!isDone) throw new Error(`round ${round} stands still at ${received} bytes`)
    if (round < warmUp) continue
    busyNs += network.events.nowNs - (firstNs ?? 0)
    roundsUs.push((network.events.nowNs - startNs) / 1000)
  }
  return {
    dropped: network.dropped,
    timeouts: transport.timeouts,
    peakQueueBytes: network.peakQueueBytes,
    goodput: (options.rounds * roundBytes * options.nsPerByte) / busyNs,
    roundsUs,
    grantFrames: transport.grantFrames - before.grantFrames,
    wantFrames: transport.wantFrames - before.wantFrames,
  }
}

class Credited implements Transport {
  readonly #network: IncastNetwork
  readonly #options: IncastOptions
  readonly #random: Prng
  readonly #granter = new CreditGranter()
  readonly #senders: CreditSender[]
  readonly timeouts = 0
  grantFrames = 0
  wantFrames = 0
  #received: (bytes: number) => void = () => {}
  #tickUs = Number.POSITIVE_INFINITY

  constructor(network: IncastNetwork, options: IncastOptions) {
    this.#network = network
    this.#options = options
    this.#random = Prng.fromSeed(options.seed)
    this.#senders = Array.from({ length: options.domains }, () => new CreditSender(1))
    this.#senders.forEach((_, peer) => {
      this.#granter.connected({ peer, generation: 1 }, 0)
      // A small message there and back, as a heartbeat measures it.
      const roundTripUs = 2 * options.propagationUs + 2 * options.hostUs + 6
      this.#granter.roundTrip({ peer, roundTripUs }, 0)
    })
  }

  start(round: number, received: (bytes: number) => void): void {
    this.#received = received
    const bytes = this.#options.replyBytes
    const requests = this.#senders.map((_, peer) => ({ peer, transfer: round, bytes }))
    const budgets = this.#granter.requestAll(requests, this.#network.nowUs)
    this.#senders.forEach((_, domain) => {
      const budget = defined(budgets.get(domain), 'budget')
      this.#network.toDomain(DISPATCH_BYTES, () => this.#compute(domain, { round, budget }))
    })
  }

  #compute(domain: number, { round, budget }: { round: number; budget: Grant }): void {
    const { computeUs, replyBytes: bytes } = this.#options
    this.#granted(domain, budget)
    this.#network.events.after(Math.floor(this.#random.nextFloat() * computeUs * 1000), () => {
      const offer = { transfer: round, bytes, isExpected: true }
      this.#senders[domain]?.offer(offer, this.#network.nowUs)
      this.#push(domain)
    })
  }

  #granted(domain: number, grant: Grant): void {
    this.#senders[domain]?.granted(grant, this.#network.nowUs)
    this.#push(domain)
  }

  /** Sends what may go and what is to be told. */
  #push(domain: number): void {
    const sender = defined(this.#senders[domain], 'sender')
    for (const message of sender.takeMessages()) {
      this.wantFrames++
      this.#network.toHead(domain, MESSAGE_BYTES, () => {
        const nowUs = this.#network.nowUs
        if (message.kind === 'want') this.#granter.wanted(domain, { want: message, nowUs })
        else this.#granter.forfeited(domain, { forfeit: message, nowUs })
        this.#tellGrants()
      })
    }
    for (;;) {
      const part = sender.take(this.#network.nowUs, SEGMENT_BYTES)
      if (part === undefined) return
      this.#network.toHead(domain, part.bytes, () => this.#arrived(domain, part))
    }
  }

  #arrived(peer: number, { transfer, bytes }: { transfer: number; bytes: number }): void {
    this.#granter.arrived({ peer, generation: 1, transfer, bytes }, this.#network.nowUs)
    this.#received(bytes)
    this.#tellGrants()
  }

  #tellGrants(): void {
    for (const [domain, grant] of this.#granter.takeGrants()) {
      this.grantFrames++
      this.#network.toDomain(MESSAGE_BYTES, () => this.#granted(domain, grant))
    }
    this.#planTick()
  }

  #planTick(): void {
    const { nowUs, events } = this.#network
    const nextUs = this.#granter.nextTickUs(nowUs)
    if (nextUs === undefined || (this.#tickUs > nowUs && this.#tickUs <= nextUs)) return
    this.#tickUs = Math.max(nextUs, nowUs + 1)
    events.after((this.#tickUs - nowUs) * 1000, () => {
      this.#granter.tick(this.#network.nowUs)
      this.#tellGrants()
    })
  }
}

class Recovering implements Transport {
  readonly #network: IncastNetwork
  readonly #options: IncastOptions
  readonly #random: Prng
  readonly #senders: RecoveringSender[]
  readonly grantFrames = 0
  readonly wantFrames = 0
  #received: (bytes: number) => void = () => {}

  constructor(network: IncastNetwork, options: IncastOptions) {
    this.#network = network
    this.#options = options
    this.#random = Prng.fromSeed(options.seed)
    this.#senders = Array.from(
      { length: options.domains },
      (_, domain) => new RecoveringSender(network, domain, (bytes) => this.#received(bytes)),
    )
  }

  get timeouts(): number {
    return this.#senders.reduce((sum, sender) => sum + sender.timeouts, 0)
  }

  start(_round: number, received: (bytes: number) => void): void {
    const { computeUs, replyBytes } = this.#options
    this.#received = received
    for (const sender of this.#senders) {
      const delayNs = Math.floor(this.#random.nextFloat() * computeUs * 1000)
      this.#network.toDomain(DISPATCH_BYTES, () => {
        this.#network.events.after(delayNs, () => sender.offer(replyBytes))
      })
    }
  }
}
