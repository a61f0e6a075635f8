/**
 * Reads what a region of the current step holds out of native memory: which experts the router
 * chose, their weights, and where tokens and sums lie. Reuses its memory from step to step.
 */
import { SputnikError } from '../base/errors.js'
import type { ExpertRecord } from '../base/expert.js'
import { gatherRows } from '../fleet/dispatcher.js'
import type { RouterChoice } from '../fleet/partition.js'
import { allocateNative, type NativeBuffer, type Pointer } from '../native/memory.js'
import type { ParsedRegion } from '../native/region-parser.js'
import { readTensor } from '../native/tensor.js'

export type ReadRegion = {
  readonly record: ExpertRecord
  readonly choice: RouterChoice
  readonly input: Pointer
  readonly output: Pointer
}

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

export class RegionReader {
  readonly #experts = new Scratch()
  readonly #weights = new Scratch()
  readonly #input = new Scratch()

  /** Views in the answer are valid until the next read. */
  read({ record, tensors }: ParsedRegion): ReadRegion {
    const ids = readTensor(tensors.ids)
    const { nUsed } = record
    const tokens = ids.ne[1]
    const rowBytes = NUMBER_BYTES * nUsed
    const target = this.#experts.address(rowBytes * tokens)
    gatherRows(ids.data, { target, rows: tokens, rowBytes, strideBytes: ids.nb[1] })
    return {
      record,
      choice: {
        tokens,
        nUsed,
        experts: this.#experts.ints(nUsed * tokens),
        weights: this.#readWeights(tensors.weights, { nUsed, tokens }),
      },
      input: this.#readInput(tensors.input, { record, tokens }),
      output: outputOf(tensors.output, record),
    }
  }

  #readWeights(
    address: Pointer | undefined,
    { nUsed, tokens }: { nUsed: number; tokens: number },
  ): Float32Array {
    const rowBytes = NUMBER_BYTES * nUsed
    const target = this.#weights.address(rowBytes * tokens)
    if (address === undefined) return this.#weights.floats(nUsed * tokens).fill(1)
    const weights = readTensor(address)
    const isPacked = weights.nb[1] === NUMBER_BYTES
    if (!isPacked) throw new SputnikError('REGION_UNKNOWN', 'router weights lie apart')
    gatherRows(weights.data, { target, rows: tokens, rowBytes, strideBytes: weights.nb[2] })
    return this.#weights.floats(nUsed * tokens)
  }

  #readInput(
    address: Pointer,
    { record, tokens }: { record: ExpertRecord; tokens: number },
  ): Pointer {
    const input = readTensor(address)
    const rowBytes = NUMBER_BYTES * record.nEmbd
    if (tokens === 1 || input.nb[2] === rowBytes) return input.data
    const target = this.#input.address(rowBytes * tokens)
    gatherRows(input.data, { target, rows: tokens, rowBytes, strideBytes: input.nb[2] })
    return target
  }
}

function outputOf(address: Pointer, record: ExpertRecord): Pointer {
  const output = readTensor(address)
  const isPacked = output.ne[1] === 1 || output.nb[1] === NUMBER_BYTES * record.nOut
  if (isPacked) return output.data
  throw new SputnikError('REGION_UNKNOWN', 'the sums of a region lie apart')
}
