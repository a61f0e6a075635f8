/**
 * Computes dispatches of one region on one ggml device: writes tokens, slots and weights, runs the
 * graph, reads one summed row per token or one row per pair.
 */
import { SputnikError } from '../base/errors.js'
import type { ExpertRecord } from '../base/expert.js'
import type { Dispatch } from '../fabric/dispatch.js'
import { decodeRows, encodedRowBytes, encodeRows } from '../fabric/encoding.js'
import { ggml, STATUS } from '../native/ggml.js'
import type { Pointer } from '../native/memory.js'
import { arrange, checkExperts, writePairs } from './arrangement.js'
import { checkRecord } from './check-region.js'
import type { Rounds } from './order.js'
import type { RegionPages } from './page-store.js'
import { GraphCache, type KernelDevice, type PlacedGraph } from './placed-graph.js'

/** Intermediate results of one piece of a dispatch stay below this. */
const SCRATCH_BYTES_MAX = 64 << 20
const FLOAT_BYTES = 4

export class Kernel {
  readonly record: ExpertRecord
  /** Tokens of one piece, so that intermediate results stay small for any model. */
  readonly pieceTokens: number
  /** Whether many pairs of a slot are computed by themselves, and whether no bit tells. */
  readonly canGroup: boolean
  readonly isGroupExact: boolean
  readonly #pages: RegionPages
  readonly #device: KernelDevice
  readonly #graphs: GraphCache

  /** @throws SputnikError FRAME_INVALID when the pages cannot compute the record */
  constructor(record: ExpertRecord, parts: { pages: RegionPages; device: KernelDevice }) {
    checkRecord(record, parts.pages.region)
    const perPair = FLOAT_BYTES * (record.nEmbd + 3 * record.nFf + 2 * record.nOut)
    this.record = record
    this.pieceTokens = Math.max(1, Math.floor(SCRATCH_BYTES_MAX / (perPair * record.nUsed)))
    this.#pages = parts.pages
    this.#device = parts.device
    this.#graphs = new GraphCache(record, parts)
    const projections = [...parts.pages.projections.values()]
    this.canGroup = projections.every(({ slots }) => slots !== undefined)
    this.isGroupExact = projections.every(({ slots }) => slots?.isExact === true)
  }

  /**
   * Computes a dispatch and writes the encoded rows to `target`.
   * @throws SputnikError FRAME_INVALID, NATIVE_FAILED, OUT_OF_MEMORY
   */
  compute(dispatch: Dispatch, target: Pointer): void {
    checkExperts(dispatch, { table: this.#pages.table, layer: this.record.layer })
    if (dispatch.tokens <= this.pieceTokens) this.#computePiece(dispatch, target)
    else this.#computePieces(dispatch, target)
  }

  #computePieces(dispatch: Dispatch, target: Pointer): void {
    const inBytes = encodedRowBytes(dispatch.encoding, this.record.nEmbd)
    const outBytes = encodedRowBytes(dispatch.replyEncoding, this.record.nOut)
    let pair = 0
    for (let token = 0; token < dispatch.tokens; token += this.pieceTokens) {
      const tokens = Math.min(this.pieceTokens, dispatch.tokens - token)
      let pairs = 0
      for (let i = 0; i < tokens; i++) pairs += dispatch.frame.u16[dispatch.counts + token + i] ?? 0
      const piece: Dispatch = {
        ...dispatch,
        tokens,
        pairs,
        counts: dispatch.counts + token,
        experts: dispatch.experts + pair,
        weights: dispatch.weights + pair,
        rows: dispatch.rows + token * inBytes,
      }
      const row = dispatch.isSummed ? token : pair
      this.#computePiece(piece, target + BigInt(row * outBytes))
      pair += pairs
    }
  }

  #computePiece(dispatch: Dispatch, target: Pointer): void {
    const { table } = this.#pages
    const { record } = this
    // Whoever wants the experts apart wants the bits of plain libllama.
    const canGroup = dispatch.isSummed ? this.canGroup : this.isGroupExact
    const arrangement = arrange(dispatch, { table, canGroup })
    const placed = this.#graphs.take({
      tokens: dispatch.tokens,
      pairs: dispatch.pairs,
      isSummed: dispatch.isSummed,
      perToken: arrangement.perToken,
      rounds: arrangement.rounds?.sizes,
      groups: arrangement.groups?.groups,
    })
    try {
      writePairs(placed, dispatch, { record, table, arrangement })
      this.#writeInput(placed, dispatch)
      if (placed.hasCopies) upload(placed)
      this.#run(placed)
      this.#read(placed, { dispatch, rounds: arrangement.rounds, target })
    } finally {
      this.#graphs.release(placed)
    }
  }

  #run(placed: PlacedGraph): void {
    const status = ggml().compute(this.#device.backend, placed.graph.graph)
    if (status === STATUS.success) return
    throw new SputnikError('NATIVE_FAILED', `the experts could not be computed (${status})`)
  }

  #writeInput(placed: PlacedGraph, dispatch: Dispatch): void {
    const width = this.record.nEmbd
    const source = dispatch.frame.address + BigInt(dispatch.rows)
    const { isHost } = this.#device
    const bytes = FLOAT_BYTES * dispatch.tokens * width
    const address = isHost ? placed.input : this.#device.stage(bytes)
    decodeRows(dispatch.encoding, source, { address, count: dispatch.tokens, width })
    if (!isHost) ggml().tensorSet(placed.graph.input, address, 0, bytes)
  }

  #read(
    placed: PlacedGraph,
    {
      dispatch,
      rounds,
      target,
    }: {
      dispatch: Dispatch
      rounds: Rounds | undefined
      target: Pointer
    },
  ): void {
    const width = this.record.nOut
    const count = dispatch.isSummed ? dispatch.tokens : dispatch.pairs
    const address = this.#download(placed, FLOAT_BYTES * count * width)
    const encoding = dispatch.replyEncoding
    if (rounds === undefined) {
      encodeRows(encoding, { address, count, width }, target)
      return
    }
    const rowBytes = encodedRowBytes(encoding, width)
    rounds.tokens.forEach((token, at) => {
      const row = { address: address + BigInt(at * FLOAT_BYTES * width), count: 1, width }
      encodeRows(encoding, row, target + BigInt(token * rowBytes))
    })
  }

  #download(placed: PlacedGraph, bytes: number): Pointer {
    if (this.#device.isHost) return placed.output
    const address = this.#device.stage(bytes)
    ggml().tensorGet(placed.graph.output, address, 0, bytes)
    return address
  }
}

function upload({ graph, slots, targets, rows, weights }: PlacedGraph): void {
  set(graph.slots, slots)
  set(graph.targets, targets)
  set(graph.rows, rows)
  set(graph.weights, weights)
}

function set(tensor: Pointer | undefined, numbers: Int32Array | Float32Array | undefined): void {
  if (tensor === undefined || numbers === undefined) return
  const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)
  ggml().tensorSet(tensor, bytes, 0, bytes.length)
}
