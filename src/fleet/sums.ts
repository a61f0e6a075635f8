/**
 * The rows that domains answer, decoded, and their sums: in the order of the pieces, or of the
 * router where each expert's row comes by itself. Uses its memory again from step to step.
 */
import { combineBytes, type WireFormat } from '../fabric/dispatch.js'
import { decodeRows, encodedRowBytes, encodingId } from '../fabric/encoding.js'
import { type FrameHeader, HEADER_BYTES } from '../fabric/frame.js'
import type { ReceivedFrame } from '../fabric/link.js'
import { copyNative } from '../native/libc.js'
import type { Piece } from './piece.js'
import type { RegionCall } from './region-call.js'
import { RowPool } from './row-pool.js'
import { addInRouterOrder, addPieceRows, placePieceRows } from './shares.js'

const FLOAT_BYTES = 4
/** Of a piece whose rows went straight to where they belong. */
const NO_ROWS = new Float32Array(0)

export class Sums {
  readonly #format: WireFormat
  readonly #pool = new RowPool()
  #isWritten = false

  constructor(format: WireFormat) {
    this.#format = format
  }

  begin(): void {
    this.#pool.reset()
    this.#isWritten = false
  }

  /** Bytes of the frame that answers a piece. */
  replyBytes(piece: Piece, { record }: RegionCall): number {
    const rowBytes = encodedRowBytes(this.#format.combine, record.nOut)
    return combineBytes(this.#rowCount(piece), rowBytes)
  }

  /** Whether a combine has the shape that was asked for. */
  isRight(piece: Piece, call: RegionCall, answer: { header: FrameHeader; bytes: number }): boolean {
    return (
      answer.header.region === call.region &&
      answer.header.encoding === encodingId(this.#format.combine) &&
      answer.bytes === this.replyBytes(piece, call)
    )
  }

  /** Takes the rows of a right answer. `isWhole`: of the only piece, which is the result. */
  take(
    piece: Piece,
    call: RegionCall,
    { frame, isWhole }: { frame: ReceivedFrame; isWhole: boolean },
  ): void {
    const width = call.record.nOut
    const count = this.#rowCount(piece)
    const isResult = isWhole && this.#format.isSummed
    const target = isResult ? undefined : this.#pool.take(count * width)
    const address = target?.address ?? call.output
    const source = frame.buffer.address + BigInt(HEADER_BYTES)
    decodeRows(this.#format.combine, source, { address, count, width })
    piece.rows = target?.f32 ?? NO_ROWS
    this.#isWritten ||= isResult
  }

  /** Adds all answers up and writes the result. */
  write(answers: Iterable<Piece>, { choice, record, output }: RegionCall): void {
    if (this.#isWritten) return
    const width = record.nOut
    const sums = this.#pool.take(choice.tokens * width)
    sums.f32.fill(0, 0, choice.tokens * width)
    if (this.#format.isSummed) {
      for (const piece of answers) addPieceRows(piece, { sums: sums.f32, width })
    } else {
      const rows = this.#pool.take(choice.tokens * choice.nUsed * width).f32
      for (const piece of answers) placePieceRows(piece, { rows, width })
      addInRouterOrder(choice, { rows, sums: sums.f32, width })
    }
    copyNative(output, sums.address, choice.tokens * width * FLOAT_BYTES)
  }

  #rowCount({ share }: Piece): number {
    return this.#format.isSummed ? share.tokenCount : share.pairCount
  }
}
