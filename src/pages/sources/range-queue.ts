/**
 * Turns many wanted pieces of files into few ranges: pieces that lie side by side and wait at the
 * same time are read as one. Knows nothing of how ranges are read.
 */
import { assert } from '../../base/assert.js'

export type Piece = {
  readonly file: number
  readonly offset: number
  /** Is filled; its length is that of the piece. */
  readonly into: Uint8Array
}

export type QueuedRange = {
  readonly file: number
  readonly offset: number
  readonly bytes: number
  readonly onBytes: (chunk: Uint8Array, at: number) => void
}

export type RangeQueueOptions = {
  readonly read: (range: QueuedRange, signal: AbortSignal) => Promise<void>
  /** Ranges at a time. */
  readonly parallel: number
  /** A range of several pieces is no longer; a single piece may be. */
  readonly rangeBytesMax: number
  /** Bytes between two pieces that are read for nothing rather than asking twice. */
  readonly gapBytesMax: number
}

type Waiting = Piece & {
  readonly end: number
  filled: number
  isSettled: boolean
  settle: (error?: unknown) => void
  /** Of the range that reads it. */
  onSettled: () => void
}

export class RangeQueue {
  readonly #options: RangeQueueOptions
  readonly #waiting = new Set<Waiting>()
  #running = 0
  #isWoken = false

  constructor(options: RangeQueueOptions) {
    this.#options = options
  }

  /** Resolves when `into` is full. @throws what reading the range throws, the reason of `signal` */
  want(piece: Piece, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason)
        return
      }
      const onAbort = (): void => waiting.settle(signal.reason)
      const waiting: Waiting = {
        ...piece,
        end: piece.offset + piece.into.length,
        filled: 0,
        isSettled: false,
        onSettled: () => {},
        settle: (error) => {
          if (waiting.isSettled) return
          waiting.isSettled = true
          this.#waiting.delete(waiting)
          signal.removeEventListener('abort', onAbort)
          if (error === undefined) resolve()
          else reject(error)
          waiting.onSettled()
        },
      }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#waiting.add(waiting)
      this.#wake()
    })
  }

  /** Not at once: whoever wants this piece may want its neighbours next. */
  #wake(): void {
    if (this.#isWoken) return
    this.#isWoken = true
    queueMicrotask(() => {
      this.#isWoken = false
      while (this.#running < this.#options.parallel && this.#waiting.size > 0) this.#start()
    })
  }

  #start(): void {
    const pieces = this.#nextGroup()
    for (const piece of pieces) this.#waiting.delete(piece)
    this.#running++
    void this.#run(pieces).finally(() => {
      this.#running--
      this.#wake()
    })
  }

  async #run(pieces: readonly Waiting[]): Promise<void> {
    const stop = new AbortController()
    const [first] = pieces
    assert(first !== undefined, 'a range without pieces')
    const { file, offset } = first
    const end = Math.max(...pieces.map((piece) => piece.end))
    const bytes = end - offset
    let done = offset
    const onBytes = (chunk: Uint8Array, at: number): void => {
      done = at + chunk.length
      for (const piece of pieces) fill(piece, { chunk, at })
    }
    for (const piece of pieces) {
      piece.onSettled = () => {
        // At the end the connection can be used again, so it is not cut.
        if (done < end && pieces.every(({ isSettled }) => isSettled)) stop.abort()
      }
    }
    try {
      await this.#options.read({ file, offset, bytes, onBytes }, stop.signal)
      for (const piece of pieces) piece.settle(new Error('the range ended before the piece'))
    } catch (error) {
      for (const piece of pieces) piece.settle(error)
    }
  }

  /** The piece that waits longest with its neighbours, ordered by offset. */
  #nextGroup(): Waiting[] {
    const [oldest] = this.#waiting
    assert(oldest !== undefined, 'nothing waits')
    const sorted = [...this.#waiting]
      .filter(({ file }) => file === oldest.file)
      .sort((a, b) => a.offset - b.offset)
    const { rangeBytesMax, gapBytesMax } = this.#options
    let from = sorted.indexOf(oldest)
    let to = from
    const joins = (a: Waiting | undefined, b: Waiting | undefined, whole: number): boolean =>
      a !== undefined &&
      b !== undefined &&
      b.offset - a.end <= gapBytesMax &&
      whole <= rangeBytesMax
    const span = (a: number, b: number): number =>
      (sorted[b]?.end ?? Infinity) - (sorted[a]?.offset ?? 0)
    while (joins(sorted[to], sorted[to + 1], span(from, to + 1))) to++
    while (joins(sorted[from - 1], sorted[from], span(from - 1, to))) from--
    return sorted.slice(from, to + 1)
  }
}

/** Copies what of a chunk belongs to a piece. */
function fill(piece: Waiting, { chunk, at }: { chunk: Uint8Array; at: number }): void {
  const from = Math.max(piece.offset, at)
  const to = Math.min(piece.end, at + chunk.length)
  if (piece.isSettled || from >= to) return
  piece.into.set(chunk.subarray(from - at, to - at), from - piece.offset)
  piece.filled += to - from
  if (piece.filled === piece.into.length) piece.settle()
}
