/**
 * Sends frames over a channel that never waits: what does not fit is kept, in bounds. Frames that
 * need credit go as far as their credit reaches, whole if that is all of it, else as pieces, and
 * others pass by between two pieces. Knows nothing of who gives credit and of what frames mean.
 *
 * Each frame lies behind some free room, where the credit frame that goes with it is written, and
 * the header of a first piece; those of later pieces overwrite bytes that are sent already. So all
 * that goes together is one write, and nothing is copied.
 */
import { defined } from '../base/assert.js'
import type { Channel } from '../native/channel.js'
import { copyNative } from '../native/libc.js'
import { allocateCollected, type NativeBuffer, nativeViews } from '../native/memory.js'
import { CREDIT_MESSAGE_BYTES, CREDIT_MESSAGES_MAX, writeCreditMessage } from './credit-message.js'
import { EMPTY_HEADER, FRAME, HEADER_BYTES, isTransfer, transferIn, writeHeader } from './frame.js'
import type { CreditSource } from './link-credit.js'

/** Memory for a frame, and the room before it. */
type Slot = { readonly whole: NativeBuffer; readonly frame: NativeBuffer }

type Waiting = {
  readonly slot: Slot
  readonly bytes: number
  readonly transfer: number
  sent: number
}

/**
 * Before each frame, for the headers of credit and piece and as many messages as go together; a
 * multiple of 64, so that frames are aligned.
 */
const ROOM_BYTES = 192
const SLOT_BYTES_FIRST = 1 << 12
const FREE_SLOTS_MAX = 4
/** What a peer may leave untaken before it is given up. */
const QUEUE_BYTES_MAX = 256 << 20
const QUEUE_FRAMES_MAX = 4096

export class FrameWriter {
  readonly #channel: Channel
  readonly #credit: CreditSource
  /** Being written by the owner of the link. */
  #lent: Slot | undefined
  readonly #free: Slot[] = []
  readonly #transfers: Waiting[] = []
  readonly #others: Waiting[] = []
  /** What is being sent: from and to, in a slot that is free afterwards if the frame ends here. */
  #slot: Slot
  #from = 0
  #to = 0
  #isLast = false
  readonly #small = newSlot(HEADER_BYTES)
  #isBlocked = false
  #backlog = 0
  bytesSent = 0

  constructor(channel: Channel, credit: CreditSource) {
    this.#channel = channel
    this.#credit = credit
    this.#slot = this.#small
  }

  /** Bytes of frames that are not with the system yet. */
  get backlogBytes(): number {
    return this.#backlog + this.#to - this.#from
  }

  /** Whether bytes wait for room in the socket. */
  get isBlocked(): boolean {
    return this.#isBlocked
  }

  frame(bytes: number): NativeBuffer {
    if (this.#lent === undefined || this.#lent.frame.bytes.length < bytes) {
      if (this.#lent !== undefined) this.#recycle(this.#lent)
      this.#lent = this.#freeSlot(bytes) ?? newSlot(bytes + (bytes >> 2))
    }
    return this.#lent.frame
  }

  /** Takes a frame; false when too much waits already. */
  add(frame: NativeBuffer, bytes: number): boolean {
    const slot = this.#ownSlot(frame, bytes)
    const kind = frame.view.getUint8(4)
    const queue = isTransfer(kind) ? this.#transfers : this.#others
    if (queue.length >= QUEUE_FRAMES_MAX || this.backlogBytes > QUEUE_BYTES_MAX) return false
    const transfer = transferIn(frame.view)
    if (isTransfer(kind)) {
      // Asking twice changes nothing, so the second is not sent while the first waits.
      if (this.#transfers.some((one) => one.transfer === transfer)) return this.#recycle(slot)
      if (!this.#credit.offer(transfer, bytes, kind === FRAME.combine)) return false
    }
    queue.push({ slot, bytes, transfer, sent: 0 })
    this.#backlog += bytes
    return true
  }

  /** Sends what may go and has room; false when the peer is gone. */
  flush(): boolean {
    while (this.#from < this.#to || this.#choose()) {
      const address = this.#slot.whole.address + BigInt(this.#from)
      const sent = this.#channel.write(address, this.#to - this.#from)
      this.#isBlocked = sent === 0
      if (sent <= 0) return sent === 0
      this.#from += sent
      this.bytesSent += sent
      if (this.#from === this.#to && this.#isLast) this.#recycle(this.#slot)
    }
    return true
  }

  /** Finds what to send next; false when nothing may go. */
  #choose(): boolean {
    const other = this.#others.shift()
    if (other !== undefined) return this.#begin(other, other.bytes)
    const [first] = this.#transfers
    const part = first === undefined ? undefined : this.#credit.take()
    if (first !== undefined && part !== undefined) {
      if (part.isLast) this.#transfers.shift()
      return this.#begin(first, part.bytes)
    }
    if (!this.#credit.hasMessages) return false
    this.#slot = this.#small
    this.#isLast = false
    this.#from = ROOM_BYTES
    this.#to = ROOM_BYTES
    this.#writeCredit()
    return true
  }

  /** Prepares the next bytes of a frame, with what is to be told about credit before them. */
  #begin(waiting: Waiting, bytes: number): true {
    const { slot, sent } = waiting
    this.#slot = slot
    this.#from = ROOM_BYTES + sent
    this.#to = this.#from + bytes
    this.#isLast = sent + bytes === waiting.bytes
    if (bytes < waiting.bytes) this.#writePieceHeader(waiting, bytes)
    waiting.sent += bytes
    this.#backlog -= bytes
    if (this.#credit.hasMessages) this.#writeCredit()
    return true
  }

  #writePieceHeader({ transfer }: Waiting, bytes: number): void {
    this.#from -= HEADER_BYTES
    const { bytes: whole } = this.#slot.whole
    const view = new DataView(whole.buffer, whole.byteOffset + this.#from, HEADER_BYTES)
    // Step and attempt as `transferOf` puts them together; what it left out is not missed.
    const step = transfer >>> 4
    const attempt = transfer & 15
    writeHeader(view, { ...EMPTY_HEADER, step, attempt, kind: FRAME.piece, payloadBytes: bytes })
  }

  #writeCredit(): void {
    const messages = this.#credit.takeMessages(CREDIT_MESSAGES_MAX)
    const payloadBytes = messages.length * CREDIT_MESSAGE_BYTES
    this.#from -= HEADER_BYTES + payloadBytes
    const { bytes } = this.#slot.whole
    const view = new DataView(bytes.buffer, bytes.byteOffset + this.#from)
    writeHeader(view, { ...EMPTY_HEADER, kind: FRAME.credit, payloadBytes })
    messages.forEach((message, i) => {
      writeCreditMessage(view, HEADER_BYTES + i * CREDIT_MESSAGE_BYTES, message)
    })
  }

  /** The slot of a frame; of a frame that lies elsewhere, a copy. */
  #ownSlot(frame: NativeBuffer, bytes: number): Slot {
    const lent = this.#lent
    const isOwn = lent?.frame === frame
    const target = isOwn ? frame : this.frame(bytes)
    if (!isOwn) copyNative(target.address, frame.address, bytes)
    const slot = defined(this.#lent, 'a slot')
    this.#lent = undefined
    return slot
  }

  #freeSlot(bytes: number): Slot | undefined {
    for (let i = this.#free.length - 1; i >= 0; i--) {
      if ((this.#free[i]?.frame.bytes.length ?? 0) >= bytes) return this.#free.splice(i, 1)[0]
    }
    return undefined
  }

  #recycle(slot: Slot): true {
    if (this.#free.length >= FREE_SLOTS_MAX) this.#free.shift()
    this.#free.push(slot)
    return true
  }
}

function newSlot(bytes: number): Slot {
  const whole = allocateCollected(ROOM_BYTES + Math.max(bytes, SLOT_BYTES_FIRST))
  return { whole, frame: nativeViews(whole.bytes.subarray(ROOM_BYTES)) }
}
