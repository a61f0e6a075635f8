/** The number formats a KV cache may have, by their ggml names (common/arg.cpp of llama.cpp). */
import { SputnikError } from '../base/errors.js'
import { rowBytes, TENSOR_TYPES } from '../gguf/types.js'

export const KV_TYPES = [
  'f32',
  'f16',
  'bf16',
  'q8_0',
  'q4_0',
  'q4_1',
  'iq4_nl',
  'q5_0',
  'q5_1',
] as const

export type KvType = (typeof KV_TYPES)[number]

/** @throws SputnikError USAGE */
export function parseKvType(name: string): KvType {
  const found = KV_TYPES.find((type) => type === name)
  if (found !== undefined) return found
  throw new SputnikError('USAGE', `--kv-type ${name} is none of ${KV_TYPES.join(', ')}`)
}

/** A quantised V cache only works with fused attention. */
export function checkFlashAttention(type: KvType, flashAttention: 'auto' | 'on' | 'off'): void {
  if (flashAttention !== 'off' || !isQuantized(type)) return
  throw new SputnikError(
    'USAGE',
    `--kv-type ${type} needs fused attention: do not turn it off, or use f16`,
  )
}

export function isQuantized(type: KvType): boolean {
  return TENSOR_TYPES[type].blockSize > 1
}

/** Number of the type in `enum ggml_type`. */
export function kvTypeId(type: KvType): number {
  return TENSOR_TYPES[type].id
}

/** Bytes of `elements` numbers, rounded up to whole blocks. */
export function kvBytes(type: KvType, elements: number): number {
  const { blockSize } = TENSOR_TYPES[type]
  return rowBytes(type, Math.ceil(elements / blockSize) * blockSize)
}
