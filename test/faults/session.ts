/**
 * A node that joined: its connection for frames and the one for heartbeats, both ends of both, with
 * the real data links. Ends as the threads that keep real connections do: closed, reset, or by a
 * lease that nobody renewed.
 */
import { defined } from '../../src/base/assert.js'
import type { Credits } from '../../src/fabric/credits.js'
import { DataLink } from '../../src/fabric/data-link.js'
import { PeerState } from '../../src/fabric/peer-state.js'
import { MEMBERSHIP_DEFAULTS } from '../../src/fleet/membership-settings.js'
import { Stream, type Wire } from './network.js'
import type { Sim } from './sim.js'
import { type Sent, SimChannel } from './sim-channel.js'
import type { SimProcess } from './sim-process.js'

export type Side = 'head' | 'domain'

export type SessionEnd = { readonly process: SimProcess; readonly credits: Credits }

export type SessionOptions = {
  readonly sim: Sim
  readonly number: number
  /** Towards each side. */
  readonly wires: Readonly<Record<Side, Wire>>
  readonly bufferBytes: number
  readonly ends: Readonly<Record<Side, SessionEnd>>
}

/** On the connection for heartbeats: the sender's clock, and it back again. */
type Beat = { readonly kind: 'beat' | 'heard' | 'end'; readonly sentMs: number }

const { heartbeatMs, leaseMs } = MEMBERSHIP_DEFAULTS
const BEAT_BYTES = 20
const OPEN_MS = 10_000

export class Session {
  readonly number: number
  readonly #ends: Readonly<Record<Side, End>>

  constructor(options: SessionOptions) {
    this.number = options.number
    const head = new End(options, 'head')
    const domain = new End(options, 'domain')
    this.#ends = { head, domain }
    head.meet(domain)
    domain.meet(head)
  }

  link(side: Side): DataLink {
    return this.#ends[side].link
  }

  /** Bytes and heartbeats on their way, either way. */
  get underWay(): number {
    return this.#ends.head.underWay + this.#ends.domain.underWay
  }

  /** The connection breaks; an end that a cut wire leads to does not hear of it. */
  reset(): void {
    this.#break()
    this.#ends.head.hearOfReset()
    this.#ends.domain.hearOfReset()
  }

  /** The process of one side is gone; `isSilent`: with its whole machine, so that nobody says so. */
  crash(side: Side, { isSilent }: { isSilent: boolean }): void {
    this.#break()
    this.#ends[side].vanish()
    if (!isSilent) this.#ends[side === 'head' ? 'domain' : 'head'].hearOfReset()
  }

  #break(): void {
    this.#ends.head.break()
    this.#ends.domain.break()
  }
}

/** What one process has of a session: a data link, and a thread that keeps the lease. */
class End {
  readonly link: DataLink
  readonly #options: SessionOptions
  readonly #side: Side
  readonly #process: SimProcess
  readonly #state = new PeerState()
  readonly #channel: SimChannel
  /** Towards this end. */
  readonly #frames: Stream<Sent>
  readonly #beats: Stream<Beat>
  #other: End | undefined
  #heardMs: number
  /** Came while the process was stopped. */
  #unread: Beat[] = []
  #isOver = false

  constructor(options: SessionOptions, side: Side) {
    const { sim, wires, ends, bufferBytes } = options
    const { process, credits } = ends[side]
    this.#options = options
    this.#side = side
    this.#process = process
    this.#heardMs = process.now()
    this.#frames = new Stream(sim, wires[side], (sent) => this.#channel.arrive(sent))
    this.#beats = new Stream(sim, wires[side], (beat) => this.#hear(beat))
    this.#channel = new SimChannel({
      ...{ process, bufferBytes },
      send: (sent, bytes) => this.#peer.#frames.send(sent, bytes),
      onRead: (bytes) => this.#peer.#channel.free(bytes),
      onRoom: () => {
        if (this.link.waits.isWriting) sim.after(0, () => process.wake())
      },
    })
    this.link = new DataLink({
      channel: this.#channel,
      state: this.#state,
      credits,
      spinUs: 0,
      openTimeoutMs: OPEN_MS,
      now: () => process.now(),
      onEnd: () => this.#endBeats(),
    })
  }

  get #peer(): End {
    return defined(this.#other, 'the other end')
  }

  get underWay(): number {
    return this.#channel.underWay + this.#beats.underWay
  }

  meet(other: End): void {
    this.#other = other
    this.#send('beat', this.#process.now())
    this.#beat()
  }

  break(): void {
    this.#frames.break()
    this.#beats.break()
  }

  /** Told by the system, if the wire lets it. */
  hearOfReset(): void {
    const { sim, wires } = this.#options
    const wire = wires[this.#side]
    sim.after(wire.delayMs, () => {
      if (wire.isCut) return
      this.#channel.break()
      this.#end()
    })
  }

  /** The process is gone. */
  vanish(): void {
    this.#isOver = true
  }

  #hear(beat: Beat): void {
    if (this.#isOver) return
    if (!this.#process.isRunning) this.#unread.push(beat)
    else this.#read(beat)
  }

  #read({ kind, sentMs }: Beat): void {
    const now = this.#process.now()
    this.#heardMs = now
    if (kind === 'beat') this.#send('heard', sentMs)
    else if (kind === 'heard') this.#state.noteRoundTrip(1 + 1000 * (now - sentMs))
    else this.#end()
  }

  /** The lease is looked at whenever a heartbeat is due. */
  #beat(): void {
    if (this.#isOver) return
    const { sim } = this.#options
    sim.after(heartbeatMs, () => this.#beat())
    if (!this.#process.isRunning) return
    const unread = this.#unread
    this.#unread = []
    for (const beat of unread) this.#read(beat)
    const now = this.#process.now()
    if (now - this.#heardMs <= leaseMs) this.#send('beat', now)
    else {
      sim.counts.add('leases ended')
      this.#endBeats()
    }
  }

  #send(kind: Beat['kind'], sentMs: number): void {
    this.#peer.#beats.send({ kind, sentMs }, BEAT_BYTES)
  }

  #endBeats(): void {
    if (!this.#isOver) this.#send('end', 0)
    this.#end()
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#options.sim.note(`link of the ${this.#side} over`, this.#options.number)
    this.#state.end()
    this.#process.wake()
  }
}
