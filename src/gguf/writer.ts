/**
 * Writes a GGUF version 3 model as one file or as several split files, streaming the tensors so
 * that a model larger than memory can be written.
 */

import { closeSync, openSync, writeSync } from 'node:fs'
import { assert } from '../base/assert.js'
import type { Metadata, TensorInfo } from './encode-header.js'
import { alignUp, encodeHeader } from './encode-header.js'
import { SPLIT_KEYS, splitPath } from './split.js'
import { tensorBytes } from './types.js'

/** A tensor to be written; `chunks` yields its bytes in order, each chunk used before the next. */
export type TensorSource = TensorInfo & { readonly chunks: () => Iterable<Uint8Array> }

export type ModelSource = {
  readonly metadata: Metadata
  readonly tensors: readonly TensorSource[]
}

/** Writes one file. Overwrites what is there. */
export function writeGguf(path: string, { metadata, tensors }: ModelSource): void {
  const fd = openSync(path, 'w')
  try {
    writeAll(fd, encodeHeader(metadata, tensors))
    for (const tensor of tensors) writeTensor(fd, tensor)
  } finally {
    closeSync(fd)
  }
}

/**
 * Writes `<prefix>-00001-of-<count>.gguf` and its siblings, tensors in equal numbers, metadata in
 * the first (as llama.cpp's gguf-split does). Returns the path of the first.
 */
export function writeSplitGguf(prefix: string, model: ModelSource & { count: number }): string {
  const { count, metadata, tensors } = model
  assert(count >= 1 && count <= tensors.length, `cannot write ${count} split files`)
  for (let index = 0; index < count; index++) {
    const from = Math.floor((index * tensors.length) / count)
    const to = Math.floor(((index + 1) * tensors.length) / count)
    const keys: Metadata = {
      ...(index === 0 ? metadata : {}),
      [SPLIT_KEYS.number]: { type: 'u16', value: index },
      [SPLIT_KEYS.count]: { type: 'u16', value: count },
      [SPLIT_KEYS.tensorCount]: { type: 'i32', value: tensors.length },
    }
    const path = splitPath(prefix, { index, count })
    writeGguf(path, { metadata: keys, tensors: tensors.slice(from, to) })
  }
  return splitPath(prefix, { index: 0, count })
}

function writeTensor(fd: number, tensor: TensorSource): void {
  const bytes = tensorBytes(tensor.type, tensor.shape)
  let written = 0
  for (const chunk of tensor.chunks()) {
    writeAll(fd, chunk)
    written += chunk.length
  }
  assert(written === bytes, `tensor ${tensor.name}: ${written} bytes given, ${bytes} expected`)
  writeAll(fd, Buffer.alloc(alignUp(bytes) - bytes))
}

function writeAll(fd: number, bytes: Uint8Array): void {
  let done = 0
  while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done)
}
