/**
 * Reads what a region of the current step holds out of native memory: which experts the router
 * chose, their weights, and where tokens and sums lie. Reuses its memory from step to step.
 */
import { SputnikError } from '../base/errors.js'
import type { RegionCall } from '../fleet/region-call.js'
import { copyRows } from '../native/libc.js'
import { allocateNative, type NativeBuffer, type Pointer } from '../native/memory.js'
import type { ParsedRegion } from '../native/region-parser.js'
import { readTensor, tensorData } from '../native/tensor.js'

const NUMBER_BYTES = 4

/** A growing piece of native memory with views as both kinds of numbers. */
class Scratch {
  #buffer: NativeBuffer = allocateNative(1 << 12)

  address(bytes: number): Pointer {
    if (this.#buffer.bytes.length < bytes) this.#buffer = allocateNative(bytes + (bytes >> 1))
    return this.#buffer.address
  }

  ints(length: number): Int32Array {
    return new Int32Array(this.#buffer.bytes.buffer, this.#buffer.bytes.byteOffset, length)
  }

  floats(length: number): Float32Array {
    return new Float32Array(this.#buffer.bytes.buffer, this.#buffer.bytes.byteOffset, length)
  }
}

/** What does not change as long as the graph is the same. */
type Layout = {
  readonly tokens: number
  readonly idsStride: number
  readonly weightsStride: number
  readonly inputStride: number
}

export class RegionReader {
  readonly #experts = new Scratch()
  readonly #weights = new Scratch()
  readonly #input = new Scratch()
  readonly #layouts = new WeakMap<ParsedRegion, Layout>()

  /** Views in the answer are valid until the next read; `region` is its number. */
  read(parsed: ParsedRegion, region: number): RegionCall {
    const { record, tensors } = parsed
    const layout = this.#layoutOf(parsed)
    const { tokens } = layout
    const { nUsed } = record
    const rowBytes = NUMBER_BYTES * nUsed
    const target = this.#experts.address(rowBytes * tokens)
    const strideBytes = layout.idsStride
    copyRows(tensorData(tensors.ids), { target, rows: tokens, rowBytes, strideBytes })
    return {
      region,
      record,
      choice: {
        tokens,
        nUsed,
        experts: this.#experts.ints(nUsed * tokens),
        weights: this.#readWeights(parsed, layout),
      },
      input: this.#readInput(parsed, layout),
      output: tensorData(tensors.output),
    }
  }

  #layoutOf(region: ParsedRegion): Layout {
    const known = this.#layouts.get(region)
    if (known !== undefined) return known
    const layout = readLayout(region)
    this.#layouts.set(region, layout)
    return layout
  }

  #readWeights({ record, tensors }: ParsedRegion, layout: Layout): Float32Array {
    const { tokens, weightsStride } = layout
    const rowBytes = NUMBER_BYTES * record.nUsed
    const target = this.#weights.address(rowBytes * tokens)
    if (tensors.weights === undefined) return this.#weights.floats(record.nUsed * tokens).fill(1)
    const source = tensorData(tensors.weights)
    copyRows(source, { target, rows: tokens, rowBytes, strideBytes: weightsStride })
    return this.#weights.floats(record.nUsed * tokens)
  }

  #readInput({ record, tensors }: ParsedRegion, { tokens, inputStride }: Layout): Pointer {
    const source = tensorData(tensors.input)
    const rowBytes = NUMBER_BYTES * record.nEmbd
    if (tokens === 1 || inputStride === rowBytes) return source
    const target = this.#input.address(rowBytes * tokens)
    copyRows(source, { target, rows: tokens, rowBytes, strideBytes: inputStride })
    return target
  }
}

/** @throws SputnikError REGION_UNKNOWN when rows are not what a dispatch can take */
function readLayout({ record, tensors }: ParsedRegion): Layout {
  const ids = readTensor(tensors.ids)
  const output = readTensor(tensors.output)
  const weights = tensors.weights === undefined ? undefined : readTensor(tensors.weights)
  if (output.ne[1] !== 1 && output.nb[1] !== NUMBER_BYTES * record.nOut) {
    throw new SputnikError('REGION_UNKNOWN', 'the sums of a region lie apart')
  }
  if (weights !== undefined && weights.nb[1] !== NUMBER_BYTES) {
    throw new SputnikError('REGION_UNKNOWN', 'the router weights of a token lie apart')
  }
  return {
    tokens: ids.ne[1],
    idsStride: ids.nb[1],
    weightsStride: weights?.nb[2] ?? 0,
    inputStride: readTensor(tensors.input).nb[2],
  }
}
