/**
 * The cards of this host as links: one is computed in this very process, several are processes of
 * their own. Starts them, and starts them again; knows nothing of what they are asked.
 */

import { defined } from '../base/assert.js'
import { SputnikError } from '../base/errors.js'
import { freeBytesOf } from '../card/device.js'
import { helloSchema, readControl } from '../fabric/control.js'
import type { Link, ReceivedFrame } from '../fabric/link.js'
import { sharedBytes } from '../fabric/shared-link.js'
import { type NativeBuffer, nativeViews } from '../native/memory.js'
import { HAS_SHARED_MEMORY } from '../native/shared-memory.js'
import { localSockets } from '../native/sockets.js'
import type { FoundCard } from './card-memory.js'
import { CardProcess } from './card-process.js'
import { InlineCardLink } from './inline-card-link.js'

export type CardsOptions = {
  readonly devices: readonly string[]
  readonly backend: string
  /** Of each card on the CPU. */
  readonly threads: number
  readonly spinUs: number
  readonly now: () => number
  /** Whether a card is computed in this process; when left out, one that is alone is. */
  readonly isInline?: boolean
}

/** Larger frames go through the socket. */
const SHARED_FRAME_BYTES = 16 << 20
const HELLO_MS = 20_000

export class Cards {
  readonly #options: CardsOptions
  readonly #processes: (CardProcess | undefined)[] = []
  readonly links: Link[]
  /** First frames that were read before anybody polled. */
  readonly #first = new Map<number, ReceivedFrame>()

  /** Does not wait for them. */
  constructor(options: CardsOptions) {
    this.#options = options
    this.links = options.devices.map((_, card) => this.#open(card))
  }

  /** What there is. @throws SputnikError CARD_FAILED, USAGE */
  find(): FoundCard[] {
    const { devices, threads } = this.#options
    return devices.map((device, card) => ({ device, threads, freeBytes: this.#freeBytes(card) }))
  }

  poll(card: number): ReceivedFrame | 'gone' | undefined {
    const first = this.#first.get(card)
    this.#first.delete(card)
    return first ?? this.#link(card).poll()
  }

  get pids(): number[] {
    return this.#processes.flatMap((process) => process?.pid ?? [])
  }

  /**
   * Ends what is left of a card and starts a new one.
   * @throws SputnikError CARD_FAILED when that takes a new process of the domain itself
   */
  restart(card: number): void {
    if (this.#processes[card] === undefined) {
      throw new SputnikError('CARD_FAILED', 'the card of this process can no longer be used')
    }
    this.#first.delete(card)
    this.#processes[card]?.stop()
    this.links[card] = this.#open(card)
  }

  close(): void {
    for (const link of this.links) link.close()
    for (const process of this.#processes) process?.stop()
  }

  #open(card: number): Link {
    const { devices, backend, spinUs, now, isInline = devices.length === 1 } = this.#options
    const device = defined(devices[card], 'a device')
    if (isInline) return new InlineCardLink({ hello: { device }, now })
    const process = new CardProcess({
      ...{ backend, device, spinUs, now },
      sockets: localSockets(),
      sharedBytes: HAS_SHARED_MEMORY ? sharedBytes(SHARED_FRAME_BYTES) : 0,
    })
    this.#processes[card] = process
    return process.link
  }

  /** A process says it in its first frame, which is kept for whoever polls. */
  #freeBytes(card: number): number {
    const device = defined(this.#options.devices[card], 'a device')
    if (this.#processes[card] === undefined) return freeBytesOf(device)
    const frame = this.#link(card).receive(HELLO_MS)
    if (frame === undefined) {
      throw new SputnikError('CARD_FAILED', `the card on ${device} has ended or does not answer`)
    }
    const buffer = copyOf(frame)
    this.#first.set(card, { buffer, bytes: frame.bytes })
    return readControl(buffer.bytes, helloSchema).freeBytes ?? 0
  }

  #link(card: number): Link {
    return defined(this.links[card], 'a card')
  }
}

function copyOf({ buffer, bytes }: ReceivedFrame): NativeBuffer {
  return nativeViews(buffer.bytes.slice(0, bytes))
}
