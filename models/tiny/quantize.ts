/**
 * Writes a GGUF model again with its matrices in another type. Norms and routers stay f32, as
 * llama.cpp's quantiser leaves them. Call: `node quantize.js FROM.gguf TO.gguf TYPE`.
 */

import { readFileSync } from 'node:fs'
import { SputnikError } from '../../src/base/errors.js'
import type { Metadata, MetadataEntry } from '../../src/gguf/encode-header.js'
import { quantize, WEIGHT_TYPES, type WeightType } from '../../src/gguf/quantize.js'
import { chooseType } from '../../src/gguf/random-model.js'
import { type GgufModel, openGguf } from '../../src/gguf/reader.js'
import type { GgufTensor, GgufValue } from '../../src/gguf/types.js'
import { readArray } from '../../src/gguf/values.js'
import { type TensorSource, writeGguf } from '../../src/gguf/writer.js'

/** enum llama_ftype, "mostly" of each type. */
const FILE_TYPES: Partial<Record<WeightType, number>> = { f16: 1, q8_0: 7, q4_K: 15, q6_K: 18 }

function toEntry(value: GgufValue): MetadataEntry {
  if (value.type !== 'array') return value
  return { type: 'array', of: value.of, value: readArray(value) }
}

function toMetadata(model: GgufModel, type: WeightType): Metadata {
  const entries = [...model.metadata].map(([key, value]) => [key, toEntry(value)] as const)
  const fileType = { type: 'u32', value: FILE_TYPES[type] ?? 0 } as const
  return { ...Object.fromEntries(entries), 'general.file_type': fileType }
}

function toSource(model: Buffer, tensor: GgufTensor, wanted: WeightType): TensorSource {
  const { name, shape } = tensor
  const type = chooseType(tensor, wanted)
  const bytes = new Uint8Array(model.subarray(tensor.offset, tensor.offset + tensor.bytes))
  const values = new Float32Array(bytes.buffer)
  return { name, shape, type, chunks: () => [type === 'f32' ? bytes : quantize(wanted, values)] }
}

function main(from: string, to: string, wanted: string): void {
  const type = WEIGHT_TYPES.find((name) => name === wanted)
  if (type === undefined) throw new SputnikError('USAGE', `no weight type "${wanted}"`)
  const model = openGguf(from)
  const bytes = readFileSync(from)
  const tensors = [...model.tensors.values()].map((tensor) => toSource(bytes, tensor, type))
  writeGguf(to, { metadata: toMetadata(model, type), tensors })
}

main(process.argv[2] ?? '', process.argv[3] ?? '', process.argv[4] ?? '')
