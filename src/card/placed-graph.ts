/**
 * Graphs of a region with memory under them, ready to be filled and computed. Graphs of small
 * shapes are kept, because decoding asks for the same ones over and over.
 */
import { SputnikError } from '../base/errors.js'
import type { ExpertRecord } from '../base/expert.js'
import { ggml } from '../native/ggml.js'
import { allocateCollected, type NativeBuffer, type Pointer, viewNative } from '../native/memory.js'
import { tensorData } from '../native/tensor.js'
import {
  buildExpertGraph,
  type ExpertGraph,
  type GraphShape,
  weightCopies,
} from './expert-graph.js'
import type { Group } from './order.js'
import type { RegionPages } from './page-store.js'

/** What all regions of a card share: the device's memory for intermediate results. */
export class KernelDevice {
  readonly backend: Pointer
  readonly isHost: boolean
  readonly #memory: Pointer
  #bytes = 0
  #staging: NativeBuffer | undefined
  /** Changes when the memory has moved and graphs placed before are void. */
  generation = 0

  constructor(backend: Pointer, bufferType: Pointer) {
    this.backend = backend
    this.isHost = ggml().bufferTypeIsHost(bufferType)
    this.#memory = ggml().graphMemory(bufferType)
  }

  /** Gives a graph's tensors memory. @throws SputnikError OUT_OF_MEMORY */
  place(graph: Pointer): void {
    if (!ggml().graphMemoryPlace(this.#memory, graph)) {
      throw new SputnikError('OUT_OF_MEMORY', 'no memory for the results of a dispatch')
    }
    const bytes = Number(ggml().graphMemoryBytes(this.#memory, 0))
    if (bytes !== this.#bytes) this.generation++
    this.#bytes = bytes
  }

  /** Memory of this process for numbers on their way to or from the device, until the next call. */
  stage(bytes: number): Pointer {
    const known = this.#staging
    const staging = known && known.bytes.length >= bytes ? known : allocateCollected(bytes)
    this.#staging = staging
    return staging.address
  }
}

export type PlacedGraph = {
  readonly graph: ExpertGraph
  readonly input: Pointer
  readonly slots: Int32Array | undefined
  readonly targets: Int32Array | undefined
  readonly weights: Float32Array | undefined
  readonly rows: Int32Array | undefined
  readonly output: Pointer
  readonly isKept: boolean
  /** Whether the arrays are copies of the tensors, to be uploaded before the computation. */
  readonly hasCopies: boolean
}

const NUMBER_BYTES = 4
const KEPT_TOKENS_MAX = 4

type Kept = Array<Array<PlacedGraph | undefined>>

export type WantedGraph = {
  readonly tokens: number
  readonly pairs: number
  /** Experts per token when all have the same number, else 0. */
  readonly perToken: number
  /** Sizes of the rounds when the pairs were put into rounds. */
  readonly rounds: readonly number[] | undefined
  readonly groups: readonly Group[] | undefined
  readonly isSummed: boolean
}

export class GraphCache {
  readonly #record: ExpertRecord
  readonly #pages: RegionPages
  readonly #device: KernelDevice
  /** By tokens, then experts per token; sums and rows per pair apart. */
  #kept = { summed: [] as Kept, unsummed: [] as Kept }
  #generation = -1

  constructor(
    record: ExpertRecord,
    { pages, device }: { pages: RegionPages; device: KernelDevice },
  ) {
    this.#record = record
    this.#pages = pages
    this.#device = device
  }

  /** A graph for these pairs, to be given back after its computation. */
  take(wanted: WantedGraph): PlacedGraph {
    const { tokens, perToken, pairs, isSummed, groups, rounds = [] } = wanted
    if (this.#generation !== this.#device.generation) this.#drop()
    const shape = { tokens, perToken, rounds, pairs, isSummed, groups }
    const isKept = groups === undefined && perToken > 0 && tokens <= KEPT_TOKENS_MAX
    const known = isKept ? this.#keptOf(wanted)[tokens]?.[perToken] : undefined
    if (known !== undefined) return known
    return isKept ? this.#keep(shape) : this.#place(shape, false)
  }

  /** Gives a graph back after its computation. */
  release(placed: PlacedGraph): void {
    if (!placed.isKept) ggml().free(placed.graph.context)
  }

  #keep(shape: GraphShape): PlacedGraph {
    const placed = this.#place(shape, true)
    if (this.#generation !== this.#device.generation) this.#drop()
    const kept = this.#keptOf(shape)
    const row = kept[shape.tokens] ?? []
    kept[shape.tokens] = row
    row[shape.perToken] = placed
    return placed
  }

  #keptOf({ isSummed }: { isSummed: boolean }): Kept {
    return isSummed ? this.#kept.summed : this.#kept.unsummed
  }

  #drop(): void {
    for (const row of [...this.#kept.summed, ...this.#kept.unsummed]) {
      for (const placed of row ?? []) if (placed) ggml().free(placed.graph.context)
    }
    this.#kept = { summed: [], unsummed: [] }
    this.#generation = this.#device.generation
  }

  #place(shape: GraphShape, isKept: boolean): PlacedGraph {
    const graph = buildExpertGraph(this.#record, { pages: this.#pages, shape })
    this.#device.place(graph.graph)
    // A view of a tensor costs more than a copy, and is worth it only when it is used again.
    const hasCopies = !isKept || !this.#device.isHost
    const array = (tensor: Pointer | undefined, perPair = 1): Uint8Array | undefined => {
      if (tensor === undefined) return undefined
      const bytes = NUMBER_BYTES * perPair * shape.pairs
      return hasCopies ? new Uint8Array(bytes) : viewNative(tensorData(tensor), bytes)
    }
    return {
      graph,
      input: tensorData(graph.input),
      slots: ints(array(graph.slots)),
      targets: ints(array(graph.targets)),
      rows: ints(array(graph.rows)),
      weights: floats(array(graph.weights, weightCopies(this.#record))),
      output: tensorData(graph.output),
      isKept,
      hasCopies,
    }
  }
}

function ints(bytes: Uint8Array | undefined): Int32Array | undefined {
  return bytes && new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / NUMBER_BYTES)
}

function floats(bytes: Uint8Array | undefined): Float32Array | undefined {
  return bytes && new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / NUMBER_BYTES)
}
