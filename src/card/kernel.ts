/**
 * Computes dispatches of one region on one ggml device: writes tokens, slots and weights, runs the
 * graph, reads one summed row per token. Keeps the graphs of small shapes, which decoding repeats.
 */
import { SputnikError } from '../base/errors.js'
import type { ExpertRecord } from '../base/expert.js'
import type { Dispatch } from '../fabric/dispatch.js'
import { decodeRows, encodedRowBytes, encodeRows } from '../fabric/encoding.js'
import { ggml, STATUS } from '../native/ggml.js'
import { allocateNative, type NativeBuffer, type Pointer, viewNative } from '../native/memory.js'
import { buildExpertGraph, dataOf, type ExpertGraph, type GraphShape } from './expert-graph.js'
import { orderPairs, type PairOrder } from './order.js'
import type { RegionPages } from './page-store.js'

/** What all regions of a card share: the device's memory for intermediate results. */
export type KernelDevice = {
  readonly backend: Pointer
  readonly isHost: boolean
  readonly memory: Pointer
}

/** Intermediate results of one piece of a dispatch stay below this. */
const SCRATCH_BYTES_MAX = 64 << 20
const FLOAT_BYTES = 4
const KEPT_TOKENS_MAX = 4
const KEPT_GRAPHS_MAX = 64

type ReadyGraph = {
  readonly graph: ExpertGraph
  readonly input: Pointer
  readonly slots: Int32Array
  readonly weights: Float32Array | undefined
  readonly rows: Int32Array | undefined
  readonly output: Pointer
  readonly isKept: boolean
}

export class Kernel {
  readonly record: ExpertRecord
  readonly #pages: RegionPages
  readonly #device: KernelDevice
  readonly #kept = new Map<string, ReadyGraph>()
  #keptMemoryBytes = -1
  #staging: NativeBuffer = allocateNative(64)

  constructor(record: ExpertRecord, parts: { pages: RegionPages; device: KernelDevice }) {
    this.record = record
    this.#pages = parts.pages
    this.#device = parts.device
  }

  /** Tokens of one piece, so that intermediate results stay small for any model. */
  get pieceTokens(): number {
    const { nEmbd, nFf, nOut, nUsed } = this.record
    const perPair = FLOAT_BYTES * (nEmbd + 3 * nFf + 2 * nOut)
    return Math.max(1, Math.floor(SCRATCH_BYTES_MAX / (perPair * nUsed)))
  }

  /**
   * Computes a dispatch whose rows are encoded at `rows` and writes the encoded sums to `target`.
   * @throws SputnikError FRAME_INVALID, NATIVE_FAILED
   */
  compute(dispatch: Dispatch, { rows, target }: { rows: Pointer; target: Pointer }): void {
    const piece = this.pieceTokens
    const inBytes = encodedRowBytes(dispatch.encoding, this.record.nEmbd)
    const outBytes = encodedRowBytes(dispatch.replyEncoding, this.record.nOut)
    let pair = 0
    for (let token = 0; token < dispatch.counts.length; token += piece) {
      const counts = dispatch.counts.subarray(token, token + piece)
      const pairs = counts.reduce((sum, count) => sum + count, 0)
      const part = {
        ...dispatch,
        counts,
        experts: dispatch.experts.subarray(pair, pair + pairs),
        weights: dispatch.weights.subarray(pair, pair + pairs),
      }
      this.#computePiece(part, {
        rows: rows + BigInt(token * inBytes),
        target: target + BigInt(token * outBytes),
      })
      pair += pairs
    }
  }

  #computePiece(dispatch: Dispatch, { rows, target }: { rows: Pointer; target: Pointer }): void {
    const order = orderPairs(dispatch.counts, dispatch.experts.length)
    const ready = this.#graphFor({
      tokens: dispatch.counts.length,
      perToken: order.perToken,
      rounds: order.rounds,
      pairs: dispatch.experts.length,
    })
    this.#write(ready, { dispatch, order, rows })
    const status = ggml().compute(this.#device.backend, ready.graph.graph)
    if (status !== STATUS.success) {
      throw new SputnikError('NATIVE_FAILED', `the experts could not be computed (${status})`)
    }
    this.#read(ready, { dispatch, order, target })
    if (!ready.isKept) ggml().free(ready.graph.context)
  }

  #graphFor(shape: GraphShape): ReadyGraph {
    this.#dropMoved()
    const key = `${shape.perToken}x${shape.tokens}`
    const known = shape.perToken > 0 ? this.#kept.get(key) : undefined
    if (known !== undefined) return known
    const isSmall = shape.perToken > 0 && shape.tokens <= KEPT_TOKENS_MAX
    const isKept = isSmall && this.#kept.size < KEPT_GRAPHS_MAX
    const ready = { ...this.#place(shape), isKept }
    if (isKept) this.#kept.set(key, ready)
    return ready
  }

  /** Kept graphs point into the shared memory, which moves when a larger graph made it grow. */
  #dropMoved(): void {
    const bytes = Number(ggml().graphMemoryBytes(this.#device.memory, 0))
    if (bytes === this.#keptMemoryBytes) return
    for (const ready of this.#kept.values()) ggml().free(ready.graph.context)
    this.#kept.clear()
    this.#keptMemoryBytes = bytes
  }

  #place(shape: GraphShape): Omit<ReadyGraph, 'isKept'> {
    const graph = buildExpertGraph(this.record, { pages: this.#pages, shape })
    if (!ggml().graphMemoryPlace(this.#device.memory, graph.graph)) {
      throw new SputnikError('OUT_OF_MEMORY', 'no memory for the results of a dispatch')
    }
    const bytes = Number(ggml().graphMemoryBytes(this.#device.memory, 0))
    if (bytes !== this.#keptMemoryBytes) this.#dropMoved()
    const ints = (tensor: Pointer) => this.#array(tensor, shape.pairs, Int32Array)
    return {
      graph,
      input: dataOf(graph.input),
      slots: ints(graph.slots),
      rows: graph.rows === undefined ? undefined : ints(graph.rows),
      weights:
        graph.weights === undefined
          ? undefined
          : this.#array(graph.weights, shape.pairs, Float32Array),
      output: dataOf(graph.output),
    }
  }

  /** The tensor's own memory when this process can write it, else an array to upload from. */
  #array<T>(
    tensor: Pointer,
    length: number,
    Type: new (buffer: ArrayBufferLike, offset: number, length: number) => T,
  ): T {
    const bytes = this.#device.isHost
      ? viewNative(dataOf(tensor), FLOAT_BYTES * length)
      : allocateNative(FLOAT_BYTES * length).bytes
    return new Type(bytes.buffer, bytes.byteOffset, length)
  }

  #write(
    ready: ReadyGraph,
    { dispatch, order, rows }: { dispatch: Dispatch; order: PairOrder; rows: Pointer },
  ): void {
    const { table } = this.#pages
    for (let at = 0; at < order.pairs.length; at++) {
      const pair = order.pairs[at] ?? 0
      const slot = table.slotOf(dispatch.experts[pair] ?? 0)
      if (slot < 0) throw notHere(dispatch.experts[pair] ?? 0, this.record.layer)
      ready.slots[at] = slot
      if (ready.weights) ready.weights[at] = dispatch.weights[pair] ?? 0
    }
    if (ready.rows) fillRows(ready.rows, order)
    const count = dispatch.counts.length
    const width = this.record.nEmbd
    const isHost = this.#device.isHost
    const address = isHost ? ready.input : this.#stage(FLOAT_BYTES * count * width)
    decodeRows(dispatch.encoding, rows, { address, count, width })
    if (!isHost) this.#upload(ready, FLOAT_BYTES * count * width)
  }

  #stage(bytes: number): Pointer {
    if (this.#staging.bytes.length < bytes) this.#staging = allocateNative(bytes)
    return this.#staging.address
  }

  #upload({ graph, slots, rows, weights }: ReadyGraph, inputBytes: number): void {
    const api = ggml()
    const bytesOf = (array: ArrayBufferView) =>
      new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
    api.tensorSet(graph.input, this.#staging.address, 0, inputBytes)
    api.tensorSet(graph.slots, bytesOf(slots), 0, slots.byteLength)
    if (graph.rows && rows) api.tensorSet(graph.rows, bytesOf(rows), 0, rows.byteLength)
    if (graph.weights && weights) {
      api.tensorSet(graph.weights, bytesOf(weights), 0, weights.byteLength)
    }
  }

  #read(
    ready: ReadyGraph,
    { dispatch, order, target }: { dispatch: Dispatch; order: PairOrder; target: Pointer },
  ): void {
    const count = dispatch.counts.length
    const width = this.record.nOut
    const address = this.#download(ready, FLOAT_BYTES * count * width)
    const encoding = dispatch.replyEncoding
    if (order.perToken > 0) {
      encodeRows(encoding, { address, count, width }, target)
      return
    }
    const rowBytes = encodedRowBytes(encoding, width)
    order.tokens.forEach((token, at) => {
      const row = { address: address + BigInt(at * FLOAT_BYTES * width), count: 1, width }
      encodeRows(encoding, row, target + BigInt(token * rowBytes))
    })
  }

  #download(ready: ReadyGraph, bytes: number): Pointer {
    if (this.#device.isHost) return ready.output
    const address = this.#stage(bytes)
    ggml().tensorGet(ready.graph.output, address, 0, bytes)
    return address
  }
}

/** The token of each pair, round by round. */
function fillRows(rows: Int32Array, order: PairOrder): void {
  let at = 0
  for (const size of order.rounds) {
    for (let token = 0; token < size; token++) rows[at++] = order.tokens[token] ?? 0
  }
}

function notHere(expert: number, layer: number): SputnikError {
  return new SputnikError('FRAME_INVALID', `expert ${expert} of layer ${layer} is not on this card`)
}
