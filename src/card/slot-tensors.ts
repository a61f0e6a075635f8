/**
 * The slots of a weight as matrices of their own, in the memory of the whole. Made when first
 * needed: many rows of one expert are faster as one matrix product than row by row.
 */
import { defined } from '../base/assert.js'
import { ggml } from '../native/ggml.js'
import type { Pointer } from '../native/memory.js'
import { readTensor } from '../native/tensor.js'

/**
 * ggml multiplies matrices of these types as it multiplies single rows of them, block by block; K
 * quants are summed up in another order (measured: nmse 1e-13 to 1e-7). The tests of the
 * kernel hold it to that.
 */
const EXACT_TYPES: ReadonlySet<string> = new Set(['q4_0', 'iq4_nl', 'mxfp4'])

export class SlotTensors {
  readonly #whole: Pointer
  #tensors: readonly Pointer[] | undefined
  /** Length of the rows that are multiplied. */
  readonly inputs: number
  /** Whether its products have the very bits of those over all slots. */
  readonly isExact: boolean

  /** `whole`: a weight [in, out, slots] that has its memory. */
  constructor(whole: Pointer) {
    this.#whole = whole
    const { ne, type } = readTensor(whole)
    this.inputs = ne[0]
    this.isExact = EXACT_TYPES.has(ggml().typeName(type))
  }

  at(slot: number): Pointer {
    this.#tensors ??= makeTensors(this.#whole)
    return defined(this.#tensors[slot], 'a slot')
  }
}

function makeTensors(whole: Pointer): Pointer[] {
  const api = ggml()
  const { type, buffer, data, ne, nb } = readTensor(whole)
  const [inputs, outputs, slots] = ne
  const context = api.init({
    mem_size: (slots + 1) * api.tensorOverhead(),
    mem_buffer: null,
    no_alloc: true,
  })
  return Array.from({ length: slots }, (_, slot) => {
    const tensor = api.newTensor2d(context, type, inputs, outputs)
    api.tensorPlace(buffer, tensor, data + BigInt(slot * nb[2]))
    return tensor
  })
}
