/**
 * A box of shared memory that one thread puts frames into and another takes them out of. A frame
 * larger than the box goes through it in pieces. Knows nothing of who wakes whom.
 *
 * Layout: i32 pieces put, i32 pieces taken, i32 bytes of the piece, i32 bytes of the frame, i32
 * whether the link has ended, i32 whether somebody waits for room; the piece from byte 64 on.
 */
const PUT = 0
const TAKEN = 1
const PIECE = 2
const FRAME = 3
const ENDED = 4
const WANTED = 5
const STATE_NUMBERS = 6
const DATA_OFFSET = 64

export type Piece = { readonly bytes: number; readonly frameBytes: number }

export class ThreadBox {
  readonly state: Int32Array
  /** Room for one piece. */
  readonly data: Uint8Array
  readonly memory: SharedArrayBuffer

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory
    this.state = new Int32Array(memory, 0, STATE_NUMBERS)
    this.data = new Uint8Array(memory, DATA_OFFSET)
  }

  static ofBytes(bytes: number): ThreadBox {
    return new ThreadBox(new SharedArrayBuffer(DATA_OFFSET + ((bytes + 63) & ~63)))
  }

  get isFree(): boolean {
    return Atomics.load(this.state, PUT) === Atomics.load(this.state, TAKEN)
  }

  /** Announces what lies in `data`; the box must be free. */
  put({ bytes, frameBytes }: Piece): void {
    Atomics.store(this.state, PIECE, bytes)
    Atomics.store(this.state, FRAME, frameBytes)
    Atomics.add(this.state, PUT, 1)
    Atomics.notify(this.state, PUT)
  }

  /** The piece that lies there, until it is taken. */
  peek(): Piece | undefined {
    if (this.isFree) return undefined
    return { bytes: Atomics.load(this.state, PIECE), frameBytes: Atomics.load(this.state, FRAME) }
  }

  /** Makes room; true when somebody waits for it. */
  take(): boolean {
    Atomics.add(this.state, TAKEN, 1)
    Atomics.notify(this.state, TAKEN)
    return Atomics.exchange(this.state, WANTED, 0) === 1
  }

  /** Asks to be told of the next `take`; false when there is room already. */
  want(): boolean {
    Atomics.store(this.state, WANTED, 1)
    if (!this.isFree) return true
    Atomics.store(this.state, WANTED, 0)
    return false
  }

  get isEnded(): boolean {
    return Atomics.load(this.state, ENDED) === 1
  }

  end(): void {
    Atomics.store(this.state, ENDED, 1)
    Atomics.notify(this.state, PUT)
    Atomics.notify(this.state, TAKEN)
  }

  /** Blocks until a piece may lie there, the link ends or the time is over. */
  waitForPiece(timeoutMs: number): void {
    const put = Atomics.load(this.state, PUT)
    if (put !== Atomics.load(this.state, TAKEN) || this.isEnded) return
    Atomics.wait(this.state, PUT, put, timeoutMs)
  }

  waitForRoom(timeoutMs: number): void {
    const taken = Atomics.load(this.state, TAKEN)
    if (taken === Atomics.load(this.state, PUT) || this.isEnded) return
    Atomics.wait(this.state, TAKEN, taken, timeoutMs)
  }
}
