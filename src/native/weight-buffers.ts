/**
 * Chooses the buffer type of an expert weight the way libllama does (llama-model-loader.cpp,
 * `select_weight_buft`): the first of the device's own layouts in which it can multiply, so that a
 * card computes with the very kernels plain libllama would use.
 */

import { ggml } from './ggml.js'
import { functionAt } from './library.js'
import type { Pointer } from './memory.js'
import { viewNative } from './memory.js'

const TYPE_F32 = 0
const TYPE_I32 = 26
const PROBE_TOKENS = 512
const BUFFER_OFFSET = 8

export type WeightShape = {
  readonly typeId: number
  /** [input, output, slots] */
  readonly shape: readonly [number, number, number]
}

/** The device's layouts to try, best first; the last one is its plain memory. */
export function weightBufferTypes(device: Pointer): Pointer[] {
  const registry = ggml().deviceRegistry(device)
  const address = ggml().procAddress(registry, 'ggml_backend_dev_get_extra_bufts')
  const plain = ggml().deviceBufferType(device)
  if (address === null) return [plain]
  const list = functionAt(address, 'void *SputnikExtraBuffers(void *device)')(device)
  return [...pointerList(list as Pointer | null), plain]
}

function pointerList(address: Pointer | null): Pointer[] {
  const found: Pointer[] = []
  if (address === null) return found
  for (let index = 0; index < 64; index++) {
    const bytes = viewNative(address + BigInt(8 * index), 8)
    const entry = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true)
    if (entry === 0n) break
    found.push(entry)
  }
  return found
}

/** First of `types` in which the device multiplies a weight; undefined when there is none. */
export function chooseBufferType(
  device: Pointer,
  { types, weight }: { types: readonly Pointer[]; weight: WeightShape },
): Pointer | undefined {
  return types.find((type) => canMultiply(device, { type, weight }))
}

function canMultiply(
  device: Pointer,
  { type, weight }: { type: Pointer; weight: WeightShape },
): boolean {
  const api = ggml()
  const bytes = 16 * api.tensorOverhead()
  const context = api.init({ mem_size: bytes, mem_buffer: null, no_alloc: true })
  const buffer = api.bufferTypeAllocate(type, 0)
  if (buffer === null) return false
  try {
    const [ne0, ne1, slots] = weight.shape
    const tensor = api.newTensor3d(context, weight.typeId, ne0, ne1, slots)
    const input = api.newTensor3d(context, TYPE_F32, ne0, 1, PROBE_TOKENS)
    const ids = api.newTensor2d(context, TYPE_I32, 1, PROBE_TOKENS)
    const field = viewNative(tensor + BigInt(BUFFER_OFFSET), 8)
    new DataView(field.buffer, field.byteOffset, 8).setBigUint64(0, buffer, true)
    return api.deviceSupportsOp(device, api.mulMatId(context, tensor, input, ids))
  } finally {
    api.bufferFree(buffer)
    api.free(context)
  }
}
